"""Images a second of the bare parts, in full flow: augmentation, forward pass, both in a row."""

import time
from collections import deque
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bench.augmentation_layers import augmented_batches
from bench.cells import Cells
from bench.fixed_list import BATCH_SIZE
from objectives.networks.backbones import build_backbone
from objectives.networks.taps import pool
from spaces.params import TrialParams

PASSES = 2
Batches = Iterator[Any]


def augmentation_rate(cells: Cells, policy: str, strength: str) -> float:
    """Measure keras-cv's layers in tf.data alone, in images/s."""
    return _rate(cells, _augmented(cells, policy, strength))


def forward_rate(cells: Cells, backbone: str, weights: str) -> float:
    """Measure a frozen backbone's forward pass over images in memory alone, in images/s."""
    forward = _forward(backbone, weights, cells.images.shape[1])
    starts = range(0, len(cells.images), BATCH_SIZE)
    batches = (cells.images[start : start + BATCH_SIZE] for start in cycle(starts))
    return _rate(cells, (forward(batch).numpy() for batch in batches))


def pipeline_rate(cells: Cells, params: TrialParams) -> float:
    """Measure augmentation and forward pass in one pipeline, without training, in images/s."""
    forward = _forward(params.backbone, params.weights, cells.images.shape[1])
    batches = _augmented(cells, params.policy, params.strength)
    return _rate(cells, (forward(images).numpy() for images, _ in batches))


def _augmented(cells: Cells, policy: str, strength: str) -> Batches:
    labels = np.zeros((len(cells.images), 1), np.float32)
    batches: Batches = iter(
        augmented_batches(
            cells.images,
            labels,
            policy=policy,
            strength=strength,
            batch_size=BATCH_SIZE,
            passes=1 + PASSES,
        )
    )
    return batches


def _forward(backbone: str, weights: str, image_px: int) -> Any:
    network = build_backbone(backbone, weights, image_px)
    inputs = keras.Input((image_px, image_px, 3))
    model = keras.Model(inputs, pool(network(inputs)))
    return tf.function(
        lambda images: model(tf.cast(images, tf.float32), training=False), reduce_retracing=True
    )


def _rate(cells: Cells, batches: Batches) -> float:
    """Time some passes in a row after one that traces, sets up and warms the caches."""
    n_batches = -(-len(cells.images) // BATCH_SIZE)
    deque(islice(batches, n_batches), maxlen=0)
    began_s = time.perf_counter()
    deque(islice(batches, PASSES * n_batches), maxlen=0)
    return PASSES * len(cells.images) / (time.perf_counter() - began_s)
