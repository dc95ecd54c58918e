"""Scale and offset of each feature for each fold, from the rows that the fold trains on."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from objectives.records import FloatArray

BLOCK_ROWS = 1024
SMALLEST_SHARE_OF_MEAN = 2.0**-9
"""Of a feature's mean; below it what varies is the rounding of float16, whose step is 2**-11."""
SMALLEST_SHARE_OF_OTHERS = 1e-3
"""Of the root mean square of all features' standard deviations."""

MOST_DEVIATIONS = 1.0
"""Beyond which a standardised feature counts no more, in training and ever after: noise that no
head was trained on moves inner layers by dozens of deviations. Chosen out of fold, see
docs/benchmarks.md."""


def standardise_by_fold(
    views: Sequence[Any], fold_of: npt.NDArray[np.int64], *, n_folds: int
) -> tuple[FloatArray, FloatArray]:
    """Find what brings each feature to mean 0 and variance 1 on the training rows of each fold.

    A feature that hardly varies is dropped: its scale is 0. No row of a fold has any influence on
    the fold's own numbers, not even in the last bit.

    Args:
        views: Features of one or more views of the same rows, each ``(rows, width)``.
        fold_of: Fold of each row; -1 trains with every fold.
        n_folds: Number of folds, k.

    Returns:
        Scale and offset, each ``(k, width)``: ``features * scale + offset``, which is then cut off
        at ``MOST_DEVIATIONS``.
    """
    counts, sums, squares = _moments(views, fold_of, n_folds)
    scales, offsets = [], []
    for fold in range(n_folds):
        others = [part for part in range(n_folds + 1) if part != fold]
        n_rows = max(counts[others].sum(), 1.0)
        mean = sums[others].sum(axis=0) / n_rows
        deviation = np.sqrt(np.maximum(squares[others].sum(axis=0) / n_rows - mean**2, 0.0))
        usual = np.sqrt(np.mean(deviation**2))
        least = np.maximum(SMALLEST_SHARE_OF_MEAN * np.abs(mean), SMALLEST_SHARE_OF_OTHERS * usual)
        varies = deviation > least
        scale = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=varies)
        scales.append(scale)
        offsets.append(-mean * scale)
    return np.asarray(scales, np.float32), np.asarray(offsets, np.float32)


def _moments(
    views: Sequence[Any], fold_of: npt.NDArray[np.int64], n_folds: int
) -> tuple[npt.NDArray[np.float64], ...]:
    """Count and sum up by fold, ``(k + 1, ...)``; the last is of the rows of no fold."""
    width = views[0].shape[1]
    counts = np.zeros(n_folds + 1)
    sums, squares = np.zeros((n_folds + 1, width)), np.zeros((n_folds + 1, width))
    for view in views:
        for start in range(0, len(fold_of), BLOCK_ROWS):
            folds = fold_of[start : start + BLOCK_ROWS]
            block = np.asarray(view[start : start + BLOCK_ROWS], np.float64)
            for fold in np.unique(folds):
                mine = block[folds == fold]
                counts[fold] += len(mine)
                sums[fold] += mine.sum(axis=0)
                squares[fold] += (mine**2).sum(axis=0)
    return counts, sums, squares
