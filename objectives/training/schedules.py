"""The learning rate of a step, for one position or for one per fold."""

import math
from typing import Any

import tensorflow as tf


def learning_rates(
    positions: Any, *, peak: Any, horizon: Any, warmup_fraction: Any, falls: Any
) -> Any:
    """Give the rate at each position: constant, or a cosine to zero after a linear warm-up.

    Args:
        positions: Steps taken so far, floating point, any shape.
        peak: The highest rate.
        horizon: Steps of the whole stage: a refit that ends earlier keeps the horizon.
        warmup_fraction: Share of the horizon in which the rate rises linearly from zero.
        falls: 1 for the cosine, 0 for a constant rate; a tensor, so that one compiled graph serves
            both.

    Returns:
        Rates in the shape of ``positions``; zero past the horizon of the cosine.

    Source: Loshchilov & Hutter 2017, arXiv:1608.03983; steps counted as Keras' CosineDecay does.
    """
    warmup = tf.round(warmup_fraction * horizon)
    rising = peak * positions / tf.maximum(warmup, 1.0)
    done = (positions - warmup) / tf.maximum(horizon - warmup, 1.0)
    falling = 0.5 * peak * (1.0 + tf.cos(math.pi * tf.clip_by_value(done, 0.0, 1.0)))
    cosine = tf.where(positions < warmup, rising, falling)
    return tf.where(falls > 0, cosine, peak * tf.ones_like(positions))
