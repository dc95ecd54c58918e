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
    images: ImageArray,
    labels: OneHot,
    *,
    policy: str,
    strength: str,
    batch_size: int,
    passes: int,
) -> Any:
    """Shuffle, batch, augment on all cores and prefetch, so many passes in a row.

    One dataset of all passes with ``steps_per_epoch`` saves a ``fit`` from setting up the pipeline
    anew for every epoch, which costs 2 s of a core with these layers, up to half of an epoch here;
    one without end would augment, at the end of the fit, some batches that nobody reads.

    Args:
        images: Shape ``(n, px, px, 3)``.
        labels: One-hot, shape ``(n, classes)``.
        policy: As in ``spaces.policies``, done by keras-cv's layers at the same settings as ours.
        strength: ``low``, ``medium`` or ``high``.
        batch_size: Images a batch.
        passes: How often all images are read, each time in another order.

    Returns:
        A ``tf.data.Dataset`` of float images of 0 to 255 and labels; the last batch of a pass is
        what is left.
    """
    augment = _augmentation(policy, strength, images.shape[1], labels.shape[1])
    return (
        tf.data.Dataset.from_tensor_slices((images, labels))
        .shuffle(len(images))
        .batch(batch_size)
        .repeat(passes)
        # At the end of batches that it could count, Keras 3.15 would begin anew, for nobody.
        .filter(lambda *_: True)
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
    augment = _augmentation(policy, strength, images.shape[1], 1)

    def whole_levels(batch: Any) -> Any:
        augmented, _ = augment(batch, tf.zeros((tf.shape(batch)[0], 1)))
        return tf.cast(tf.clip_by_value(tf.round(augmented), 0, 255), tf.uint8)

    batches = tf.data.Dataset.from_tensor_slices(images).batch(64)
    made = batches.map(whole_levels, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
    return np.concatenate(list(made.as_numpy_iterator()))


@lru_cache(maxsize=64)
def _augmentation(policy: str, strength: str, image_px: int, n_classes: int) -> Any:
    """Trace a policy once for all folds and trials of a process: 2 s saved at each ``map``."""
    paths = [
        [_step(operation) for operation in path.operations(strength)]
        for path in parse_policy(policy).paths
    ]

    def augment(images: Any, labels: Any) -> Any:
        images = tf.cast(images, tf.float32)
        if len(paths) == 1:
            return _along(paths[0], images, labels)
        return tf.cond(
            tf.shape(images)[0] >= len(paths),
            lambda: _by_turns(paths, images, labels),
            lambda: _along(paths[-1], images, labels),
        )

    pictures = tf.TensorSpec((None, image_px, image_px, 3), tf.uint8)
    targets = tf.TensorSpec((None, n_classes), tf.float32)
    return tf.function(augment, input_signature=[pictures, targets])


def _along(path: Sequence[Step], images: Any, labels: Any) -> Any:
    for step in path:
        images, labels = step(images, labels)
    return images, labels


def _by_turns(paths: Sequence[Sequence[Step]], images: Any, labels: Any) -> tuple[Any, Any]:
    """Send every n-th image of a shuffled batch down each path."""
    parts = [
        _along(path, images[place :: len(paths)], labels[place :: len(paths)])
        for place, path in enumerate(paths)
    ]
    return tf.concat([p[0] for p in parts], 0), tf.concat([p[1] for p in parts], 0)


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
