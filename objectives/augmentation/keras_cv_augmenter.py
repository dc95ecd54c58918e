"""The reference: keras-cv's RandAugment, AugMix, CutMix and MixUp, and Keras' geometric layers."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import keras
import keras_cv
import numpy as np
import tensorflow as tf

from objectives.augmentation.batch_check import check_batch
from objectives.augmentation.draws import generator
from objectives.augmentation.own_function import apply_own_function
from objectives.augmentation.seeded_graph import OpLevelGenerator, SeededGraph
from objectives.records import FloatArray, ImageArray, RowArray
from spaces.errors import InputError
from spaces.operations import (
    AugMix,
    CutMix,
    Flip,
    Geometric,
    MixUp,
    Operation,
    OwnFunction,
    RandAugment,
)

_LEVELS = (0, 255)
_TRACING = threading.Lock()
Batch = tuple[ImageArray, FloatArray]


class KerasCVAugmenter:
    """Fulfils :class:`objectives.augmentation.Augmenter`, several times slower than OpenCV's.

    CutMix's labels are keras-cv's own, which count the pasted square where it is not seen too.
    """

    name = "keras_cv"
    version = f"1-keras_cv{keras_cv.__version__}-keras{keras.__version__}-tf{tf.__version__}"

    def augment(
        self,
        images: ImageArray,
        labels: FloatArray,
        operations: Sequence[Operation],
        *,
        pools: RowArray,
        seed: int,
    ) -> Batch:
        """Apply the operations in order, as :class:`objectives.augmentation.Augmenter` says.

        Pictures are rounded to whole grey levels after each operation.
        """
        check_batch(images, labels, pools, seed)
        for position, operation in enumerate(operations):
            step_seed = int(generator(seed, position).integers(2**63))
            match operation:
                case RandAugment() | AugMix():
                    images = _by_picture(images, operation, step_seed)
                case Flip() | Geometric():
                    images = _by_keras(images, operation, step_seed)
                case CutMix() | MixUp():
                    images, labels = _by_pool(images, labels, operation, pools, step_seed)
                case OwnFunction():
                    images = apply_own_function(images, operation, seed, position)
                case _:
                    raise InputError(f"the keras_cv augmenter has no operation {operation!r}")
        # Every operation has made new images; labels may still be the caller's.
        return (images if operations else images.copy()), labels.copy()


def keras_cv_layer(operation: Operation) -> Any:
    """Make keras-cv's layer for an operation with its settings.

    Raises:
        InputError: If keras-cv has no layer for it.
    """
    match operation:
        case RandAugment():
            return keras_cv.layers.RandAugment(
                value_range=_LEVELS,
                augmentations_per_image=operation.count,
                magnitude=operation.magnitude,
                magnitude_stddev=operation.magnitude_stddev,
                rate=operation.rate,
            )
        case AugMix():
            return keras_cv.layers.AugMix(
                value_range=_LEVELS,
                severity=operation.severity,
                num_chains=operation.chains,
                chain_depth=[1, operation.depth],
                alpha=operation.alpha,
            )
        case CutMix():
            return keras_cv.layers.CutMix(alpha=operation.alpha)
        case MixUp():
            return keras_cv.layers.MixUp(alpha=operation.alpha)
        case _:
            raise InputError(f"keras-cv has no layer for {operation!r}")


def keras_layers(operation: Flip | Geometric, seed: int) -> list[Callable[..., Any]]:
    """Make Keras' own layers for an operation, in order."""
    seeds = [int(s) for s in np.random.SeedSequence(seed).generate_state(5) >> 1]
    layers = keras.layers
    if isinstance(operation, Geometric):
        return [
            layers.RandomFlip("horizontal", seed=seeds[0]),
            layers.RandomRotation(operation.rotation, seed=seeds[1]),
            layers.RandomZoom(operation.zoom, seed=seeds[2]),
            layers.RandomTranslation(operation.translation, operation.translation, seed=seeds[3]),
        ]
    flips: list[Callable[..., Any]] = [layers.RandomFlip("horizontal", seed=seeds[0])]
    if operation.vertical:
        flips.append(layers.RandomFlip("vertical", seed=seeds[1]))
    if operation.transpose:
        flips.append(lambda images: _transposed(images, seeds[2]))
    return flips


def _transposed(images: tf.Tensor, seed: int) -> tf.Tensor:
    draws = tf.random.stateless_uniform((tf.shape(images)[0], 1, 1, 1), seed=(seed, 0))
    return tf.where(draws <= 0.5, tf.transpose(images, (0, 2, 1, 3)), images)


def _by_keras(images: ImageArray, operation: Flip | Geometric, seed: int) -> ImageArray:
    augmented = tf.constant(images, tf.float32)
    for layer in keras_layers(operation, seed):
        augmented = layer(augmented)
    return _whole_levels(np.asarray(augmented))


def _by_picture(images: ImageArray, operation: Operation, seed: int) -> ImageArray:
    graph = _graph(operation, images.shape[1], 0)
    return _whole_levels(graph.run([images], seed=seed)["images"])


def _by_pool(
    images: ImageArray, labels: FloatArray, operation: Operation, pools: RowArray, seed: int
) -> Batch:
    graph = _graph(operation, images.shape[1], labels.shape[1])
    mixed_images, mixed_labels = images.copy(), labels.copy()
    for number, pool in enumerate(np.unique(pools)):
        rows = np.flatnonzero(pools == pool)
        if len(rows) > 1:
            mixed = _without_self_pairs(graph, images[rows], labels[rows], seed + number)
            mixed_images[rows] = _whole_levels(mixed["images"])
            mixed_labels[rows] = mixed["labels"]
    return mixed_images, mixed_labels


def _without_self_pairs(
    graph: SeededGraph, images: ImageArray, labels: FloatArray, seed: int
) -> dict[str, Any]:
    """Draw again until no picture is its own partner, which keras-cv's shuffle allows."""
    [shuffle] = graph.shuffles()
    seeds = generator(seed)
    while True:
        drawn = int(seeds.integers(2**63))
        result = graph.run([images, labels], seed=drawn, also=[shuffle])
        if np.all(result[shuffle] != np.arange(len(images))):
            return result


@lru_cache(maxsize=32)
def _traced(operation: Any, image_px: int, n_classes: int) -> SeededGraph:
    layer = keras_cv_layer(operation)
    for part in _with_parts(layer):
        part._random_generator = OpLevelGenerator()
    pictures = tf.TensorSpec((None, image_px, image_px, 3), tf.uint8)
    if not operation.mixes_images:
        return SeededGraph(
            lambda images: {"images": layer(tf.cast(images, tf.float32))}, [pictures]
        )

    def mix(images: tf.Tensor, labels: tf.Tensor) -> Mapping[str, Any]:
        mixed = layer({"images": tf.cast(images, tf.float32), "labels": labels})
        return {"images": mixed["images"], "labels": mixed["labels"]}

    return SeededGraph(mix, [pictures, tf.TensorSpec((None, n_classes), tf.float32)])


def _graph(operation: Operation, image_px: int, n_classes: int) -> SeededGraph:
    with _TRACING:
        return _traced(operation, image_px, n_classes)


def _with_parts(layer: Any) -> Iterator[Any]:
    yield layer
    for part in [*getattr(layer, "layers", []), getattr(layer, "_random_choice", None)]:
        if part is not None:
            yield from _with_parts(part)


def _whole_levels(images: FloatArray) -> ImageArray:
    return np.rint(images).clip(0, 255).astype(np.uint8)
