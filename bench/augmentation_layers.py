"""A policy as a good user writes it today: keras-cv's own layers in a tf.data pipeline."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from objectives.augmentation.keras_cv_augmenter import keras_cv_layer, keras_layers
from objectives.records import ImageArray
from spaces.operations import Flip, Geometric, Operation
from spaces.policies import parse_policy

OneHot = npt.NDArray[np.float32]
Step = Callable[[Any, Any], tuple[Any, Any]]
GEOMETRY_SEED = 0


def augmented_batches(
    images: ImageArray, labels: OneHot, *, policy: str, strength: str, batch_size: int
) -> Any:
    """Shuffle, batch, augment on all cores and prefetch.

    Args:
        images: Shape ``(n, px, px, 3)``.
        labels: One-hot, shape ``(n, classes)``.
        policy: As in ``spaces.policies``, done by keras-cv's layers at the same settings as ours.
        strength: ``low``, ``medium`` or ``high``.
        batch_size: Images a batch.

    Returns:
        A ``tf.data.Dataset`` of float images of 0 to 255 and labels.
    """
    steps = _steps(policy, strength)

    def augment(batch: Any, targets: Any) -> tuple[Any, Any]:
        batch = tf.cast(batch, tf.float32)
        for step in steps:
            batch, targets = step(batch, targets)
        return batch, targets

    return (
        tf.data.Dataset.from_tensor_slices((images, labels))
        .shuffle(len(images))
        .batch(batch_size)
        .map(augment, num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )


def plain_batches(images: ImageArray, labels: OneHot, batch_size: int) -> Any:
    """Batch and prefetch images that are not augmented, in their order."""
    return (
        tf.data.Dataset.from_tensor_slices((images, labels))
        .batch(batch_size)
        .map(lambda x, y: (tf.cast(x, tf.float32), y), num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )


def augment_once(images: ImageArray, *, policy: str, strength: str) -> ImageArray:
    """Augment all images once, in their order, to whole grey levels held in memory."""
    if policy == "none":
        return images
    steps = _steps(policy, strength)

    def augment(batch: Any) -> Any:
        batch, targets = tf.cast(batch, tf.float32), tf.zeros((tf.shape(batch)[0], 1))
        for step in steps:
            batch, targets = step(batch, targets)
        return tf.cast(tf.clip_by_value(tf.round(batch), 0, 255), tf.uint8)

    batches = tf.data.Dataset.from_tensor_slices(images).batch(64)
    made = batches.map(augment, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
    return np.concatenate(list(made.as_numpy_iterator()))


@lru_cache(maxsize=16)
def _steps(policy: str, strength: str) -> Sequence[Step]:
    return tuple(_step(operation) for operation in parse_policy(policy).operations(strength))


def _step(operation: Operation) -> Step:
    if isinstance(operation, Flip | Geometric):
        layers = keras_layers(operation, GEOMETRY_SEED)
        return lambda images, labels: (_through(layers, images), labels)
    layer = keras_cv_layer(operation)
    if not operation.mixes_images:
        return lambda images, labels: (layer(images), labels)

    def mix(images: Any, labels: Any) -> tuple[Any, Any]:
        mixed = layer({"images": images, "labels": labels})
        return mixed["images"], mixed["labels"]

    return mix


def _through(layers: Sequence[Callable[..., Any]], images: Any) -> Any:
    for layer in layers:
        images = layer(images)
    return images
