"""Batches that all folds share: every row once, all of one size, each fold in its share."""

import numpy as np
import pytest

from objectives.training.batches import shared_batches, trained_by_fold


def _fold_of(n_rows: int, n_folds: int) -> np.ndarray:
    return np.random.default_rng(0).permutation(np.arange(n_rows) % n_folds)


@pytest.mark.parametrize(
    ("n_rows", "n_folds", "batch_size", "n_steps", "sizes"),
    [
        # 64 rows for each of five heads are 80: 1,003 rows take 13 steps, of 77 or 78 rows.
        (1003, 5, 64, 13, {77, 78}),
        # One row more than a batch holds: two halves, and not a batch of a single row.
        (81, 5, 64, 2, {40, 41}),
        (80, 5, 64, 1, {80}),
        # A refit has one fold and leaves nothing out.
        (107, 1, 32, 4, {26, 27}),
    ],
)
def test_batches_hold_every_row_once_and_differ_by_at_most_one(
    n_rows: int, n_folds: int, batch_size: int, n_steps: int, sizes: set[int]
) -> None:
    fold_of = _fold_of(n_rows, n_folds) if n_folds > 1 else np.full(n_rows, -1)
    batches = shared_batches(fold_of, batch_size=batch_size, n_folds=n_folds, seed=3)
    assert len(batches) == n_steps
    assert set((batches >= 0).sum(axis=1).tolist()) == sizes
    assert sorted(batches[batches >= 0].tolist()) == list(range(n_rows))


@pytest.mark.parametrize("n_rows", [1003, 2491])
def test_every_batch_holds_the_same_share_of_each_fold(n_rows: int) -> None:
    fold_of = _fold_of(n_rows, 5)
    for batch in shared_batches(fold_of, batch_size=64, n_folds=5, seed=3):
        counts = np.bincount(fold_of[batch[batch >= 0]], minlength=5)
        assert np.abs(counts - counts.sum() / 5).max() < 2


def test_the_order_is_another_in_another_epoch_and_the_same_for_the_same_seed() -> None:
    fold_of = _fold_of(200, 4)
    drawn = [shared_batches(fold_of, batch_size=24, n_folds=4, seed=seed) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).mean() > 0.9


def test_each_fold_trains_on_all_rows_of_a_batch_but_its_own() -> None:
    fold_of = _fold_of(23, 3)
    fold_of[4] = -1
    batches = shared_batches(fold_of, batch_size=6, n_folds=3, seed=1)
    assert (batches < 0).any(), "the last places of some batches are filled up"
    places, counts = trained_by_fold(batches, fold_of, n_folds=3)
    for step, batch in enumerate(batches):
        for fold in range(3):
            rows = batch[places[step, fold][counts[step, fold]]]
            wanted = [row for row in batch if row >= 0 and fold_of[row] != fold]
            assert rows.tolist() == wanted
