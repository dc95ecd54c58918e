"""Both libraries draw from one distribution, and a wrong magnitude would be seen.

Six numbers describe each augmented picture, and for MixUp the label's share too: CutMix labels by
what is seen, which keras-cv does not (`test_mixed_labels.py`). Their two samples pass a two-sided
Kolmogorov-Smirnov test if each has p above 0.001; the same test with the magnitude doubled in one
of them must give a p below 1e-6 for at least one number, or it could show nothing. The reference is
keras-cv as it is: AugMix without vertical translation and turning by any angle.
"""

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import ks_2samp

from objectives.augmentation import augmenter
from objectives.records import FloatArray
from spaces.operations import (
    AugMix,
    CutMix,
    Flip,
    Geometric,
    MixUp,
    Operation,
    RandAugment,
)
from spaces.policies import parse_path
from tests.objectives.augmentation.real_pictures import crops

SAME_P, OTHER_P = 1e-3, 1e-6
PICTURES = crops(3000, 32)
# AugMix draws how much of itself it shows; with that fixed and one step, the severity is seen.
ONE_STEP = {"chains": 1, "depth": 1, "alpha": 1000.0}


def _numbers(library: str, operations: Sequence[Operation], seed: int, count: int) -> FloatArray:
    """Describe each picture: shape ``(numbers, count)``."""
    pictures = PICTURES[:count]
    labels = np.tile(np.eye(2, dtype=np.float32), (count // 2, 1))
    pools = np.zeros(count, np.int64)
    images, shares = augmenter(library).augment(
        pictures, labels, operations, pools=pools, seed=seed
    )
    levels, before = images.astype(np.float32), pictures.astype(np.float32)
    grey = levels.mean(axis=3)
    return np.stack(
        [
            grey.mean(axis=(1, 2)),
            grey.std(axis=(1, 2)),
            (levels[..., 0] - levels[..., 2]).mean(axis=(1, 2)),
            np.abs(np.diff(grey, axis=1)).mean(axis=(1, 2)),
            np.abs(np.diff(grey, axis=2)).mean(axis=(1, 2)),
            np.abs(levels - before).mean(axis=(1, 2, 3)),
            shares.max(axis=1) if isinstance(operations[0], MixUp) else shares[:, 0] * 0,
        ]
    )


def _smallest_p(first: FloatArray, second: FloatArray) -> float:
    return min(float(ks_2samp(a, b).pvalue) for a, b in zip(first, second, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("operation", "doubled", "count"),
    [
        (Geometric(0.1, 0.1, 0.1), Geometric(0.2, 0.2, 0.2), 500),
        (RandAugment(0.4), RandAugment(0.8), 600),
        (AugMix(0.3, **ONE_STEP), AugMix(0.6, **ONE_STEP), 2000),  # type: ignore[arg-type]
        (CutMix(0.5), CutMix(1.0), 3000),
        (MixUp(0.2), MixUp(0.4), 3000),
    ],
)
def test_opencv_draws_as_keras_cv_does(
    operation: Operation, doubled: Operation, count: int
) -> None:
    reference = _numbers("keras_cv", [operation], 1, count)
    assert _smallest_p(reference, _numbers("opencv", [operation], 2, count)) > SAME_P
    assert _smallest_p(reference, _numbers("opencv", [doubled], 2, count)) < OTHER_P


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["augmix", "augmix+randaugment"])
def test_the_shift_that_models_are_scored_under_is_the_same(policy: str) -> None:
    operations = parse_path(policy).operations("medium")
    reference = _numbers("keras_cv", operations, 1, 600)
    assert _smallest_p(reference, _numbers("opencv", operations, 2, 600)) > SAME_P


@pytest.mark.parametrize("vertical", [False, True])
@pytest.mark.parametrize("library", ["opencv", "keras_cv"])
def test_flips_give_each_orientation_equally_often(library: str, vertical: bool) -> None:
    picture = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3).repeat(800, axis=0)
    images, _ = augmenter(library).augment(
        picture,
        np.ones((800, 1), np.float32),
        [Flip(vertical=vertical, transpose=vertical)],
        pools=np.zeros(800, np.int64),
        seed=0,
    )
    _, counts = np.unique(images[..., 0].reshape(800, 4), axis=0, return_counts=True)
    n_orientations = 8 if vertical else 2
    assert len(counts) == n_orientations
    # Five standard deviations of a binomial count.
    expected = 800 / n_orientations
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected * (1 - 1 / n_orientations))
