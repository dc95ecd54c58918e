"""Images a second of what feeds a GPU and of what it takes in."""

import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from objectives.augmentation import augmenter
from objectives.records import ImageArray, LabelledImages
from objectives.store.array_store import ArrayStore
from objectives.views.views import Views
from spaces.policies import parse_path

POLICY, STRENGTH = "augmix+randaugment", "medium"
BACKBONE = "mobilenet_v2_0.35"
IMAGE_PX, RATE_IMAGES, BATCH = 96, 2048, 256
MEASURED_S = 2.0


def pictures(count: int, image_px: int) -> ImageArray:
    """Make coarse noise; speed depends on no content."""
    draws = np.random.default_rng(0)
    coarse = draws.integers(0, 256, (count, -(-image_px // 8), -(-image_px // 8), 3), np.uint8)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)[:, :image_px, :image_px]


def images_per_s(
    pass_over: Callable[[], object],
    n_images: int,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Time whole passes for some seconds, after one that traces and warms up."""
    pass_over()
    began_s, passes = clock(), 0
    while clock() - began_s < MEASURED_S:
        pass_over()
        passes += 1
    return passes * n_images / (clock() - began_s)


def augmented_by_opencv(images: ImageArray) -> float:
    """Augment as a sweep does, on all cores that this process may use; kept nowhere."""
    rows = np.arange(len(images))
    data = LabelledImages(images, rows % 2, ("a", "b"), (), "gpu-report")
    with tempfile.TemporaryDirectory(prefix="foldsweep-gpu-") as folder:
        views = Views(
            data,
            rows,
            rows % 2,
            n_classes=2,
            seed=0,
            augmenter=augmenter("opencv"),
            store=ArrayStore(Path(folder), max_bytes=10**9),
        )
        key = views.key(POLICY, STRENGTH, 0, "train")
        return images_per_s(lambda: deque(views.shards(key), maxlen=0), len(images))


def augmented_by_keras_cv(images: ImageArray) -> float:
    """Do the same with keras-cv's layers, on whatever TensorFlow computes on here."""
    import tensorflow as tf

    from objectives.augmentation.keras_cv_augmenter import keras_cv_layer

    layers = [keras_cv_layer(operation) for operation in parse_path(POLICY).operations(STRENGTH)]

    def through_layers(pictures: Any) -> Any:
        augmented = tf.cast(pictures, tf.float32)
        for layer in layers:
            augmented = layer(augmented)
        return augmented

    augment = tf.function(through_layers, reduce_retracing=True)

    def pass_over() -> None:
        starts = range(0, len(images), BATCH)
        last = [augment(images[start : start + BATCH]) for start in starts][-1]
        # To the host, so that all of it has been computed.
        np.asarray(last)

    return images_per_s(pass_over, len(images))


def forwarded(images: ImageArray) -> float:
    """Take images in, from the host's memory through a frozen backbone to features."""
    from objectives.networks.extractors import FeatureExtractor

    extractor = FeatureExtractor(BACKBONE, "none", images.shape[1], features="deep")
    return images_per_s(lambda: extractor.extract(images), len(images))
