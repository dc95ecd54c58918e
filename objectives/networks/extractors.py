"""What makes features of images: a frozen Keras backbone, or a function of the user's.

Features of an image are one vector: the averages of the backbone's taps, or, for fine-tuning, the
feature map at a cut, flattened, and after it the averages of the taps below the cut; of a function
whatever it gives.
"""

import hashlib
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache, partial
from typing import Any, Protocol

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from objectives.networks.backbones import build_backbone
from objectives.networks.frozen_part import frozen_part
from objectives.networks.own_backbones import VectorFunction, find_function
from objectives.networks.taps import TAPS_VERSION
from objectives.networks.weights_files import weights_digest
from objectives.records import FloatArray, ImageArray
from spaces.backbones import is_own
from spaces.errors import TrialError
from spaces.params import FeaturesName

FeatureArray = npt.NDArray[np.float16]
FORWARD_VERSION = 2
"""Of the code between an image and its features: scaling, cut, taps, pooling."""
LARGEST_FLOAT16 = 65504.0
FIRST_BATCH = {"CPU": 256, "GPU": 512}
FIRST_BATCH_PX = 96
"""The edge of the images that ``FIRST_BATCH`` is meant for: fewer larger ones make a batch."""
FUNCTION_BATCH = 64
"""Images that a function of the user's is given at once."""


@lru_cache(maxsize=4)
def frozen_backbone(name: str, weights: str, image_px: int) -> keras.Model:
    """Build a backbone that no one trains: one serves whatever is read of it."""
    network = build_backbone(name, weights, image_px)
    network.trainable = False
    return network


class Extractor(Protocol):
    """Makes features of images."""

    @property
    def key(self) -> Mapping[str, str | int]:
        """Equal where the features of equal images are equal."""
        ...

    @property
    def width(self) -> int:
        """Numbers of one image."""
        ...

    def extract(self, images: ImageArray) -> FeatureArray:
        """Run images ``(n, px, px, 3)`` through it: features ``(n, width)``, float16."""
        ...


def make_extractor(
    backbone: str, weights: str, image_px: int, features: FeaturesName, cut: int | None
) -> Extractor:
    """Give what makes the features of a backbone; arguments as of :class:`FeatureExtractor`.

    Raises:
        InputError: If the backbone is a function that does not give vectors.
    """
    function = find_function(backbone, image_px) if is_own(backbone) else None
    if function is not None:
        return FunctionExtractor(function, image_px)
    return FeatureExtractor(backbone, weights, image_px, features=features, cut=cut)


class FeatureExtractor:
    """A frozen backbone up to a cut, as one compiled forward pass.

    Features leave it as float16: a relative rounding of 2**-11, far below what augmentation moves
    them by; twice as many fit on disk and in memory. Values beyond its range are clipped.
    """

    def __init__(
        self,
        backbone: str,
        weights: str,
        image_px: int,
        *,
        features: FeaturesName,
        cut: int | None = None,
    ) -> None:
        """Describe it; it is built when the first features are computed.

        Args:
            backbone: As in ``TrialParams``.
            weights: The same.
            image_px: Edge of the images in pixels.
            features: What is read of the backbone; see :mod:`objectives.networks.taps`.
            cut: The operation whose output is taken, as a position in the backbone's
                ``operations``; None takes all taps, averaged.
        """
        self._build = partial(frozen_backbone, backbone, weights, image_px)
        self._features: FeaturesName = features
        self._cut = cut
        self.key: Mapping[str, str | int] = {
            "backbone": backbone,
            "weights": weights_digest(backbone, weights, image_px) or _digest(self._build()),
            "features": f"{features}/{TAPS_VERSION}",
            "cut": "none" if cut is None else f"operation {cut}",
            "precision": f"{keras.config.dtype_policy().name}->float16",
            "keras": keras.__version__,
            "forward": FORWARD_VERSION,
        }
        first = FIRST_BATCH["GPU" if tf.config.list_physical_devices("GPU") else "CPU"]
        self._batch = max(1, min(first, first * FIRST_BATCH_PX**2 // image_px**2))

    @cached_property
    def _forward(self) -> Any:
        return _frozen_forward(frozen_part(self._build(), self._features, self._cut))

    @property
    def width(self) -> int:
        """Numbers of one image."""
        return int(self._forward.structured_outputs.shape[1])

    @property
    def batch(self) -> int:
        """Images of one forward pass; fewer once some did not fit into memory."""
        return self._batch

    def extract(self, images: ImageArray) -> FeatureArray:
        """Run images ``(n, px, px, 3)`` through it: features ``(n, width)``, float16.

        Raises:
            TrialError: If not even a single image fits into memory.
        """
        parts = [self._forward_some(batch) for batch in self._batches(images)]
        return as_float16(np.concatenate(parts))

    def _batches(self, images: ImageArray) -> Iterator[ImageArray]:
        start = 0
        while start < len(images):
            # Read anew each time: running out of memory may have halved it.
            batch = self._batch
            yield images[start : start + batch]
            start += batch

    def _forward_some(self, images: ImageArray) -> FloatArray:
        try:
            features: FloatArray = self._forward(np.ascontiguousarray(images)).numpy()
            return features
        except tf.errors.ResourceExhaustedError as error:
            if len(images) == 1:
                raise TrialError(
                    "the backbone does not fit into memory, even image by image"
                ) from error
            self._batch = max(1, len(images) // 2)
            half = len(images) // 2
            return np.concatenate(
                [self._forward_some(images[:half]), self._forward_some(images[half:])]
            )


class FunctionExtractor:
    """A function of the user's from images to vectors.

    What it computes with cannot be looked at, so features are told apart by its answers about
    fixed images.
    """

    def __init__(self, function: VectorFunction, image_px: int) -> None:
        """Ask it about the fixed images.

        Args:
            function: From images to vectors.
            image_px: Edge of the images in pixels.

        Raises:
            InputError: If it does not give one vector of finite numbers an image.
        """
        self._function = function
        answer = as_float16(function.probe(image_px))
        self.width = int(answer.shape[1])
        self.key = {
            "backbone": function.name,
            "weights": hashlib.sha256(answer.tobytes()).hexdigest(),
            "features": "function",
            "precision": "->float16",
        }

    def extract(self, images: ImageArray) -> FeatureArray:
        """Run images ``(n, px, px, 3)`` through it: features ``(n, width)``, float16."""
        starts = range(0, len(images), FUNCTION_BATCH)
        batches = (np.asarray(images[start : start + FUNCTION_BATCH]) for start in starts)
        return as_float16(np.concatenate([self._function(batch) for batch in batches]))


def as_float16(features: FloatArray) -> FeatureArray:
    """Round to float16; what lies beyond its range is clipped."""
    return np.clip(features, -LARGEST_FLOAT16, LARGEST_FLOAT16).astype(np.float16)


def _frozen_forward(model: keras.Model) -> Any:
    """Trace a model with its weights as constants.

    TensorFlow then folds batch normalisation into the convolutions and runs both as one: 1.4 times
    as many images a second here.
    """
    trained = [variable.numpy() for variable in model.trainable_variables]
    others = [variable.numpy() for variable in model.non_trainable_variables]

    def forward(images: Any) -> Any:
        pixels = tf.cast(images, tf.float32)
        constants = ([tf.constant(value) for value in values] for values in (trained, others))
        return model.stateless_call(*constants, pixels, training=False)[0]

    signature = tf.TensorSpec(model.input_shape, tf.uint8)
    return tf.function(forward, autograph=False).get_concrete_function(signature)


def _digest(network: keras.Model) -> str:
    """Hash what the network computes with: features of other weights or layers are others."""
    digest = hashlib.sha256(" ".join(type(layer).__name__ for layer in network.layers).encode())
    for values in network.get_weights():
        digest.update(repr(values.shape).encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
