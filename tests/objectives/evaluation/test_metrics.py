"""Metrics against scikit-learn and numbers worked out by hand."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics
from sklearn.calibration import calibration_curve

from objectives.evaluation.metrics import (
    calibration_error,
    confidence_bins,
    confusion_matrix,
    log_loss,
    score_predictions,
    summarise,
)


def _predictions() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 4, 200)
    logits = generator.normal(size=(200, 4)) + 1.5 * np.eye(4)[labels]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return labels, probabilities


def test_scores_are_scikit_learns() -> None:
    labels, probabilities = _predictions()
    predicted = probabilities.argmax(axis=1)
    wanted = {
        "accuracy": sklearn_metrics.accuracy_score(labels, predicted),
        "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(labels, predicted),
        "macro_f1": sklearn_metrics.f1_score(labels, predicted, average="macro"),
        "log_loss": -sklearn_metrics.log_loss(labels, probabilities),
    }
    for metric, value in wanted.items():
        assert score_predictions(metric, labels, probabilities) == pytest.approx(value)  # type: ignore[arg-type]


def test_log_loss_of_a_sure_mistake_is_finite() -> None:
    assert log_loss(np.array([0]), np.array([[0.0, 1.0]])) == pytest.approx(-np.log(1e-7))


def test_calibration_error_of_two_bins_by_hand() -> None:
    # Three images at confidence 0.9, two of them right; one at 0.6, wrong.
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.6, 0.4]])
    labels = np.array([0, 0, 0, 1])
    # (3 / 4) * |2 / 3 - 0.9| + (1 / 4) * |0 - 0.6|
    assert calibration_error(labels, probabilities) == pytest.approx(0.175 + 0.15)


def test_the_summary_holds_every_class() -> None:
    labels, probabilities = _predictions()
    predicted = probabilities.argmax(axis=1)
    summary = summarise(labels, probabilities, ["a", "b", "c", "d"])
    assert list(summary.classes) == ["a", "b", "c", "d"]
    wanted = {
        "precision": sklearn_metrics.precision_score(labels, predicted, average=None),
        "recall": sklearn_metrics.recall_score(labels, predicted, average=None),
        "f1": sklearn_metrics.f1_score(labels, predicted, average=None),
    }
    for name, values in wanted.items():
        found = [getattr(scores, name) for scores in summary.classes.values()]
        assert found == pytest.approx(list(values))
    assert summary.accuracy == pytest.approx(np.mean(predicted == labels))
    assert summary.log_loss == pytest.approx(sklearn_metrics.log_loss(labels, probabilities))


def test_rows_of_the_confusion_matrix_are_the_true_classes() -> None:
    matrix = confusion_matrix(np.array([0, 0, 1]), np.array([[0.0, 1, 0]] * 3), 3)
    np.testing.assert_array_equal(matrix, [[0, 2, 0], [0, 1, 0], [0, 0, 0]])


def test_bins_of_confidence_are_those_of_scikit_learns_curve() -> None:
    labels, probabilities = _predictions()
    right = probabilities.argmax(axis=1) == labels
    bins = confidence_bins(labels, probabilities)
    filled = bins.counts > 0
    shares, confidences = calibration_curve(right, probabilities.max(axis=1), n_bins=15)
    np.testing.assert_allclose(bins.right[filled] / bins.counts[filled], shares)
    np.testing.assert_allclose(bins.confidence[filled] / bins.counts[filled], confidences)
    gap = np.abs(bins.right - bins.confidence).sum() / len(labels)
    assert calibration_error(labels, probabilities) == pytest.approx(gap)
