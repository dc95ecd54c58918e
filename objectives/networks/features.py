"""A frozen backbone's features of a view: made once, read by every fold, head and trial."""

import hashlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from objectives.networks.backbones import build_backbone
from objectives.networks.network import pool
from objectives.records import FloatArray, ImageArray
from objectives.store.array_store import ArrayStore, ArrayWriter, StoreFull
from objectives.views.views import SharingCounts, ViewKey, Views
from spaces.errors import TrialError

FeatureArray = npt.NDArray[np.float16]
CUT = "pooled"
LARGEST_FLOAT16 = 65504.0
FIRST_BATCH = {"CPU": 64, "GPU": 512}


class FeatureExtractor:
    """A frozen backbone with its pooling, as one compiled forward pass.

    Features leave it as float16: a relative rounding of 2**-11, far below what augmentation moves
    them by; twice as many fit on disk and in memory. Values beyond its range are clipped.
    """

    def __init__(self, backbone: str, weights: str, image_px: int) -> None:
        network = build_backbone(backbone, weights, image_px)
        network.trainable = False
        inputs = keras.Input((image_px, image_px, 3))
        self._model = keras.Model(inputs, pool(network(inputs)))
        self.n_features = int(self._model.output_shape[-1])
        self.key = {
            "backbone": backbone,
            "weights": _digest(network),
            "cut": CUT,
            "precision": f"{keras.config.dtype_policy().name}->float16",
            "keras": keras.__version__,
        }
        self._forward = tf.function(
            lambda images: self._model(tf.cast(images, tf.float32), training=False),
            input_signature=[tf.TensorSpec([None, image_px, image_px, 3], tf.uint8)],
        )
        self._batch = FIRST_BATCH["GPU" if tf.config.list_physical_devices("GPU") else "CPU"]

    def extract(self, images: ImageArray) -> FeatureArray:
        """Run images ``(n, px, px, 3)`` through the backbone: features ``(n, d)``, float16.

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

    @property
    def n_features(self) -> int:
        """Width of the features."""
        return self._extractor.n_features

    def get(self, view: ViewKey, *, keep_view: bool) -> tuple[FeatureArray, FloatArray]:
        """Give the features of a view, ``(rows, d)``, and its labels, ``(rows, classes)``.

        Args:
            view: The view.
            keep_view: Whether to keep the augmented images as well, because another backbone or
                the fine-tuning will read them.

        Returns:
            Read-only arrays; held in memory, and made again next time, if the disk is full.
        """
        key = {**view.as_dict(), **self._extractor.key}
        stored = self._store.peek(key)
        if stored is not None:
            self._counts.features_reused += 1
            return stored["features"], stored["labels"]
        if keep_view:
            self._views.stored(view)
        try:
            made = self._store.get(key, lambda writer: self._produce(view, writer))
        except StoreFull:
            self._counts.features_streamed += 1
            return self._in_memory(view)
        self._counts.features_made += 1
        return made["features"], made["labels"]

    def _produce(self, view: ViewKey, writer: ArrayWriter) -> None:
        shape = (self._views.n_rows, self.n_features)
        features = writer.create("features", shape, np.float16)
        labels = writer.create("labels", (shape[0], self._views.n_classes), np.float32)
        self._fill(view, features, labels)

    def _in_memory(self, view: ViewKey) -> tuple[FeatureArray, FloatArray]:
        features = np.empty((self._views.n_rows, self.n_features), np.float16)
        labels = np.empty((self._views.n_rows, self._views.n_classes), np.float32)
        self._fill(view, features, labels)
        return features, labels

    def _fill(self, view: ViewKey, features: Any, labels: Any) -> None:
        for shard in self._views.shards(view):
            stop = shard.start + len(shard.images)
            features[shard.start : stop] = self._extractor.extract(shard.images)
            labels[shard.start : stop] = shard.labels
