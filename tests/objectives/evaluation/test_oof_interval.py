"""The interval of a trial's score against scipy's, and over groups."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import bootstrap

from objectives.evaluation.oof_interval import oof_interval
from objectives.records import FloatArray, TrialResult
from objectives.settings import ValidationSettings

N_ROWS = 300
RNG = np.random.default_rng(4)
LABELS = RNG.integers(0, 3, N_ROWS)


def _predictions(accuracy: float) -> tuple[FloatArray, np.ndarray]:
    """Give probabilities, and which of them are right."""
    right = RNG.random(N_ROWS) < accuracy
    answers = np.where(right, LABELS, (LABELS + 1) % 3)
    return np.eye(3, dtype=np.float32)[answers], right


CLEAN, CLEAN_RIGHT = _predictions(0.9)
SHIFTED, SHIFTED_RIGHT = _predictions(0.6)


def _result(shifted: FloatArray | None = SHIFTED) -> TrialResult:
    return TrialResult(
        score=0.0,
        clean=0.0,
        shifted=None,
        fold_scores=(),
        epochs={},
        oof_clean=CLEAN,
        oof_shifted=shifted,
        curves={},
    )


def _interval(groups: np.ndarray, **changes: Any) -> tuple[float, float]:
    settings = ValidationSettings(**{"score": "robust", **changes})
    return oof_interval(_result(), LABELS, groups=groups, validation=settings, seed=0)


@pytest.mark.parametrize(
    ("score", "rights"),
    [
        ("clean", [CLEAN_RIGHT]),
        ("shifted", [SHIFTED_RIGHT]),
        ("robust", [CLEAN_RIGHT, SHIFTED_RIGHT]),
    ],
)
def test_it_is_scipys_of_the_views_that_the_score_is_made_of(
    score: str, rights: list[np.ndarray]
) -> None:
    by_image = np.mean(rights, axis=0)
    expected = bootstrap((by_image,), np.mean, n_resamples=20_000, rng=1).confidence_interval
    assert _interval(np.arange(N_ROWS), score=score) == pytest.approx(tuple(expected), abs=0.006)


def test_without_a_shift_robust_is_clean() -> None:
    settings = ValidationSettings(shift="none")
    groups = np.arange(N_ROWS)
    found = oof_interval(_result(None), LABELS, groups=groups, validation=settings, seed=0)
    assert found == _interval(groups, score="clean")


def test_images_that_come_in_groups_of_equals_are_fewer_draws() -> None:
    # All images of a group are right together or wrong together: a tenth of the draws.
    right = np.repeat(RNG.random(30) < 0.7, 10)
    labels = np.zeros(N_ROWS, np.int64)
    answers = np.eye(2, dtype=np.float32)[np.where(right, 0, 1)]
    result = TrialResult(0.0, 0.0, None, (), {}, answers, None, {})
    settings = ValidationSettings(score="clean")
    widths = [
        np.diff(oof_interval(result, labels, groups=groups, validation=settings, seed=0)).item()
        for groups in (np.arange(N_ROWS), np.arange(N_ROWS) // 10)
    ]
    assert widths[1] / widths[0] == pytest.approx(np.sqrt(10), rel=0.25)
