"""Scores at the epoch that the other folds choose, against numbers worked out by hand."""

from typing import Literal

import numpy as np
import pytest

from objectives.evaluation.history import FoldOutcome, History
from objectives.records import Stage
from objectives.settings import ValidationSettings


def _history(score: Literal["robust", "clean", "shifted"] = "clean") -> History:
    """Three folds of ten rows each, all of class 0."""
    rows = tuple(np.arange(start, start + 10) for start in (0, 10, 20))
    return History(np.zeros(30, dtype=np.int64), rows, ValidationSettings(folds=3, score=score))


def _outcome(n_right: int, n_right_shifted: int | None = None) -> FoldOutcome:
    def probabilities(n: int) -> np.ndarray:
        right = np.arange(10) < n
        return np.stack([right * 0.8 + 0.1, ~right * 0.8 + 0.1], axis=1).astype(np.float32)

    shifted = None if n_right_shifted is None else probabilities(n_right_shifted)
    return FoldOutcome(0.5, probabilities(n_right), shifted)


def _add(history: History, stage: Stage, epoch: int, *n_right: int) -> None:
    history.add(stage, epoch, {j: _outcome(n) for j, n in enumerate(n_right)})


def test_a_fold_is_scored_at_the_epoch_that_the_others_choose() -> None:
    history = _history()
    _add(history, "head", 0, 9, 2, 2)
    _add(history, "head", 1, 1, 8, 4)
    _add(history, "head", 2, 2, 7, 9)
    # Means of the others: fold 0 sees 2, 6, 8; fold 1 5.5, 2.5, 5.5; fold 2 5.5, 4.5, 4.5.
    assert history.chosen_steps() == [2, 0, 0]
    assert history.fold_scores() == pytest.approx((0.2, 0.2, 0.2))
    assert history.refit_epochs() == {"head": 3}


def test_the_score_is_below_that_of_each_folds_own_best_epoch_on_pure_noise() -> None:
    history = _history()
    generator = np.random.default_rng(0)
    for epoch in range(20):
        _add(history, "head", epoch, *generator.integers(3, 8, 3))
    own_best = np.nanmax([[e.scores[j] for j in range(3)] for e in history.epochs], axis=0)
    assert np.mean(history.fold_scores()) < own_best.mean() - 0.1


def test_predictions_are_those_of_the_chosen_epochs_and_no_others_are_kept() -> None:
    history = _history()
    right = np.random.default_rng(1).integers(0, 11, (12, 3))
    for epoch, n_right in enumerate(right):
        _add(history, "head", epoch, *n_right)
    # By hand: the first best mean of the other two folds.
    steps = [int(np.argmax(np.delete(right, j, axis=1).sum(axis=1))) for j in range(3)]
    assert history.chosen_steps() == steps
    clean, _ = history.out_of_fold(2)
    hits = (clean.argmax(axis=1) == 0).reshape(3, 10).sum(axis=1)
    assert list(hits) == [right[step, j] for j, step in enumerate(steps)]
    kept = {id(chosen.outcome) for chosen in history._chosen.values()}
    assert len(kept) == 3


def test_the_last_epoch_is_named_for_the_folds_whose_others_like_it_best() -> None:
    history = _history()
    _add(history, "head", 0, 5, 5, 5)
    assert history.chosen_at_last() == [0, 1, 2]
    _add(history, "head", 1, 9, 4, 4)
    assert history.chosen_at_last() == [1, 2]


def test_the_robust_score_is_the_mean_of_clean_and_shifted() -> None:
    history = _history("robust")
    history.add("head", 0, {j: _outcome(8, 4) for j in range(3)})
    assert history.fold_scores() == pytest.approx((0.6, 0.6, 0.6))
    clean, shifted = history.out_of_fold(2)
    assert shifted is not None
    assert (clean.argmax(axis=1) == 0).mean() == pytest.approx(0.8)
    assert (shifted.argmax(axis=1) == 0).mean() == pytest.approx(0.4)


def test_a_refit_trains_for_as_long_as_all_folds_together_were_best() -> None:
    history = _history()
    _add(history, "finetune", 0, 6, 6, 6)
    _add(history, "finetune", 1, 9, 5, 7)
    _add(history, "finetune", 2, 4, 9, 4)
    assert history.refit_epochs() == {"finetune": 2}
