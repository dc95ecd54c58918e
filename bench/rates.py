"""Images a second of the bare parts: forward pass alone, and augmentation followed by it."""

import time
from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bench.augmentation_layers import augmented_batches
from bench.cells import Cells
from bench.fixed_list import BATCH_SIZE
from objectives.backbones import build_backbone
from objectives.network import pool
from spaces.params import TrialParams

REPEATS = 2


def forward_rate(cells: Cells, backbone: str, weights: str) -> float:
    """Measure a frozen backbone's forward pass over images in memory alone, in images/s."""
    forward = _forward(backbone, weights, cells.images.shape[1])
    starts = range(0, len(cells.images), BATCH_SIZE)
    return _rate(
        len(cells.images),
        lambda: _exhaust(forward(cells.images[s : s + BATCH_SIZE]).numpy() for s in starts),
    )


def pipeline_rate(cells: Cells, params: TrialParams) -> float:
    """Measure augmentation and forward pass in one tf.data pipeline, without training."""
    labels = np.zeros((len(cells.images), 1), np.float32)
    forward = _forward(params.backbone, params.weights, cells.images.shape[1])
    batches = augmented_batches(
        cells.images,
        labels,
        policy=params.policy,
        strength=params.strength,
        batch_size=BATCH_SIZE,
    )
    return _rate(
        len(cells.images), lambda: _exhaust(forward(images).numpy() for images, _ in batches)
    )


def _forward(backbone: str, weights: str, image_px: int) -> Any:
    network = build_backbone(backbone, weights, image_px)
    inputs = keras.Input((image_px, image_px, 3))
    model = keras.Model(inputs, pool(network(inputs)))
    return tf.function(
        lambda images: model(tf.cast(images, tf.float32), training=False), reduce_retracing=True
    )


def _exhaust(items: Iterable[Any]) -> None:
    for _ in items:
        pass


def _rate(n_images: int, work: Callable[[], Any]) -> float:
    work()  # traces, and warms the caches
    seconds = []
    for _ in range(REPEATS):
        began_s = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began_s)
    return n_images / min(seconds)
