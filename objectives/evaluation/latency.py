"""How long a model takes for an image."""

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import numpy as np

from objectives.records import ImageArray

BATCH_SIZES = (1, 32)
REPEATS = 7


def measure_latency_ms(
    predict: Callable[[ImageArray], Any], images: ImageArray, *, repeats: int = REPEATS
) -> Mapping[int, float]:
    """Measure the milliseconds that an image takes, alone and in a batch.

    Args:
        predict: The model, compiled; its first call at each size is not counted.
        images: Some, repeated where they are fewer than a batch.
        repeats: Batches of each size; the median counts.

    Returns:
        Milliseconds an image, by batch size.
    """
    return {
        size: _median_ms(predict, np.resize(images, (size, *images.shape[1:])), repeats)
        for size in BATCH_SIZES
    }


def _median_ms(predict: Callable[[ImageArray], Any], batch: ImageArray, repeats: int) -> float:
    predict(batch)
    took_s = []
    for _ in range(repeats):
        started_s = time.perf_counter()
        predict(batch)
        took_s.append(time.perf_counter() - started_s)
    return 1000 * median(took_s) / len(batch)
