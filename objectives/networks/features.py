"""A frozen backbone's features of a view: made once, read by every fold, head and trial.

Features of an image are one vector: the averages of the backbone's taps, or, for fine-tuning, the
feature map at a cut, flattened, and after it the averages of the taps below the cut.
"""

import hashlib
import math
from collections.abc import Iterator
from functools import cached_property, partial
from typing import Any, cast

import keras
import numpy as np
import numpy.typing as npt
import psutil
import tensorflow as tf

from objectives.networks.backbones import build_backbone
from objectives.networks.frozen_part import frozen_part
from objectives.networks.taps import TAPS_VERSION
from objectives.networks.weights_files import weights_digest
from objectives.records import FloatArray, ImageArray
from objectives.store.array_store import Arrays, ArrayStore, ArrayWriter, StoreFull
from objectives.views.views import SharingCounts, ViewKey, Views
from spaces.errors import TrialError
from spaces.params import FeaturesName

FeatureArray = npt.NDArray[np.float16]
FORWARD_VERSION = 2
"""Of the code between an image and its features: scaling, cut, taps, pooling."""
LARGEST_FLOAT16 = 65504.0
FIRST_BATCH = {"CPU": 256, "GPU": 512}
FIRST_BATCH_PX = 96
"""The edge of the images that ``FIRST_BATCH`` is meant for: fewer larger ones make a batch."""
MEMORY_SHARE = 0.25
"""Of the free memory, for features that the disk has no room for."""


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
        self._build = partial(build_backbone, backbone, weights, image_px)
        self._features: FeaturesName = features
        self._cut = cut
        self.key = {
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
        network = self._build()
        network.trainable = False
        return _frozen_forward(frozen_part(network, self._features, self._cut))

    @property
    def width(self) -> int:
        """Numbers of one image."""
        return int(self._forward.structured_outputs.shape[1])

    def extract(self, images: ImageArray) -> FeatureArray:
        """Run images ``(n, px, px, 3)`` through it: features ``(n, width)``, float16.

        Raises:
            TrialError: If not even a single image fits into memory.
        """
        parts = [self._forward_some(batch) for batch in self._batches(images)]
        joined = np.concatenate(parts)
        return np.clip(joined, -LARGEST_FLOAT16, LARGEST_FLOAT16).astype(np.float16)

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


class StreamedFeatures:
    """Features without room anywhere: computed from the view's images whenever they are read."""

    dtype = np.dtype(np.float16)

    def __init__(self, images: ImageArray, extractor: FeatureExtractor) -> None:
        self._images = images
        self._extractor = extractor
        self.shape = (len(images), extractor.width)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, positions: Any) -> FeatureArray:
        """Give the features at a slice, or at an array of positions."""
        return self._extractor.extract(self._images[positions])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Compute all of them: for small data only."""
        return np.array(self[:], dtype=dtype)


def _digest(network: keras.Model) -> str:
    """Hash what the network computes with: features of other weights or layers are others."""
    digest = hashlib.sha256(" ".join(type(layer).__name__ for layer in network.layers).encode())
    for values in network.get_weights():
        digest.update(repr(values.shape).encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


class FeatureStore:
    """Features by view, on disk, made by one process and read by all."""

    def __init__(
        self, store: ArrayStore, views: Views, extractor: FeatureExtractor, counts: SharingCounts
    ) -> None:
        self._store = store
        self._views = views
        self._extractor = extractor
        self._counts = counts

    def get(
        self, view: ViewKey, *, keep_view: bool, held: dict[ViewKey, Arrays] | None = None
    ) -> tuple[FeatureArray, FloatArray]:
        """Give the features of a view, ``(rows, width)``, and its labels, ``(rows, classes)``.

        Args:
            view: The view.
            keep_view: Whether to keep the augmented images as well, because another backbone or
                the fine-tuning will read them.
            held: Takes what the store has opened: it is never evicted while it is open. What finds
                no room in the store is not put there, so that it does not stay in memory.

        Returns:
            Read-only arrays. If the disk is full, they are held in memory and made again next
            time; if the memory is too small as well, they are computed whenever they are read.
        """
        key = {**view.as_dict(), **self._extractor.key}
        stored = self._store.peek(key)
        if stored is not None:
            self._counts.features_reused += 1
            return _opened(view, stored, held)
        if keep_view:
            self._views.stored(view)
        try:
            made = self._store.get(key, lambda writer: self._produce(view, writer))
        except StoreFull:
            self._counts.features_streamed += 1
            return self._unstored(view)
        self._counts.features_made += 1
        return _opened(view, made, held)

    @property
    def _shape(self) -> tuple[int, ...]:
        return (self._views.n_rows, self._extractor.width)

    def _produce(self, view: ViewKey, writer: ArrayWriter) -> None:
        features = writer.create("features", self._shape, np.float16)
        labels = writer.create("labels", (len(features), self._views.n_classes), np.float32)
        self._fill(view, features, labels)

    def _unstored(self, view: ViewKey) -> tuple[FeatureArray, FloatArray]:
        n_bytes = math.prod(self._shape) * np.dtype(np.float16).itemsize
        if n_bytes > psutil.virtual_memory().available * MEMORY_SHARE:
            whole = self._views.stored(view)
            return cast(FeatureArray, StreamedFeatures(whole.images, self._extractor)), whole.labels
        features = np.empty(self._shape, np.float16)
        labels = np.empty((len(features), self._views.n_classes), np.float32)
        self._fill(view, features, labels)
        return features, labels

    def _fill(self, view: ViewKey, features: Any, labels: Any) -> None:
        for shard in self._views.shards(view):
            stop = shard.start + len(shard.images)
            features[shard.start : stop] = self._extractor.extract(shard.images)
            labels[shard.start : stop] = shard.labels


def _opened(
    view: ViewKey, arrays: Arrays, held: dict[ViewKey, Arrays] | None
) -> tuple[FeatureArray, FloatArray]:
    if held is not None:
        held[view] = arrays
    return arrays["features"], arrays["labels"]
