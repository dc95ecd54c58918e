"""Predictions of all epochs in half precision: what comes out is what went in."""

from pathlib import Path

import numpy as np
import pytest

from objectives.evaluation.epoch_predictions import EpochPredictions
from objectives.evaluation.history import FoldOutcome

N_EPOCHS, N_ROWS, N_CLASSES = 3, 10, 4
ROWS = np.array([1, 4, 7])


def _outcome(seed: int, *, shifted: bool = True) -> FoldOutcome:
    rng = np.random.default_rng(seed)
    clean, other = rng.dirichlet(np.ones(N_CLASSES), (2, len(ROWS))).astype(np.float32)
    return FoldOutcome(0.25, clean, other if shifted else None)


def _filled() -> EpochPredictions:
    predictions = EpochPredictions.empty(
        ("clean", "shifted"), n_epochs=N_EPOCHS, n_rows=N_ROWS, n_classes=N_CLASSES
    )
    for epoch in range(N_EPOCHS):
        predictions.put(epoch, ROWS, _outcome(epoch))
    return predictions


def test_outcomes_come_back_by_epoch_with_a_rounding_of_half_precision() -> None:
    predictions = _filled()
    for epoch in range(N_EPOCHS):
        put, got = _outcome(epoch), predictions.outcome(epoch, ROWS, 0.25)
        assert got.loss == 0.25
        assert put.shifted is not None
        assert got.shifted is not None
        for before, after in ((put.clean, got.clean), (put.shifted, got.shifted)):
            assert after.dtype == np.float32
            np.testing.assert_allclose(after, before, rtol=2e-3)
            np.testing.assert_allclose(after.sum(axis=1), 1.0, atol=1e-6)


def test_the_views_that_the_score_looks_at_are_given() -> None:
    predictions, put = _filled(), _outcome(1)
    assert put.shifted is not None
    both = predictions.selected(1, ROWS, "robust")
    np.testing.assert_allclose(both, np.stack([put.clean, put.shifted]), rtol=2e-3)
    np.testing.assert_array_equal(predictions.selected(1, ROWS, "clean"), both[:1])
    np.testing.assert_array_equal(predictions.selected(1, ROWS, "shifted"), both[1:])


@pytest.mark.parametrize("kind", ["robust", "clean", "shifted"])
def test_without_a_shift_every_score_is_that_of_the_clean_view(kind: str) -> None:
    predictions = EpochPredictions.empty(("clean",), n_epochs=1, n_rows=N_ROWS, n_classes=N_CLASSES)
    predictions.put(0, ROWS, _outcome(0, shifted=False))
    found = predictions.selected(0, ROWS, kind)  # type: ignore[arg-type]
    np.testing.assert_allclose(found[0], _outcome(0).clean, rtol=2e-3)
    assert len(found) == 1
    assert predictions.outcome(0, ROWS, 0.0).shifted is None


def test_a_file_holds_them_exactly_in_two_bytes_a_number(tmp_path: Path) -> None:
    predictions = _filled()
    read = EpochPredictions.load(predictions.save(tmp_path / "trial" / "predictions.npz"))
    assert read.is_of_same_shape(predictions)
    for view, table in predictions.views.items():
        assert read.views[view].dtype == np.float16
        np.testing.assert_array_equal(read.views[view], table)


def test_other_epochs_rows_or_views_are_of_another_shape() -> None:
    shape = {"n_epochs": N_EPOCHS, "n_rows": N_ROWS, "n_classes": N_CLASSES}
    predictions = _filled()
    for name in shape:
        other = EpochPredictions.empty(("clean", "shifted"), **{**shape, name: shape[name] + 1})
        assert not predictions.is_of_same_shape(other)
    assert not predictions.is_of_same_shape(EpochPredictions.empty(("clean",), **shape))
