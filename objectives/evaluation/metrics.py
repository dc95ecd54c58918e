"""Scores of predictions: one number to select on, and the table that explains it."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn import metrics as sklearn_metrics

from objectives.records import ClassScores, LabelArray, ViewSummary
from objectives.settings import Metric

Probabilities = npt.NDArray[np.floating]
SMALLEST_PROBABILITY = 1e-7


def score_predictions(metric: Metric, labels: LabelArray, probabilities: Probabilities) -> float:
    """Score predictions so that more is better.

    Args:
        metric: ``accuracy``, ``balanced_accuracy``, ``macro_f1`` or ``log_loss`` (negated).
        labels: Class numbers, shape ``(rows,)``.
        probabilities: Shape ``(rows, classes)``.

    Returns:
        The score; scikit-learn's definition of each metric.
    """
    if metric == "log_loss":
        return -log_loss(labels, probabilities)
    predicted = probabilities.argmax(axis=1)
    if metric == "accuracy":
        return float(np.mean(predicted == labels))
    if metric == "balanced_accuracy":
        with warnings.catch_warnings():
            # A class that was predicted but is not among the labels of a small fold.
            warnings.simplefilter("ignore", UserWarning)
            return float(sklearn_metrics.balanced_accuracy_score(labels, predicted))
    return float(sklearn_metrics.f1_score(labels, predicted, average="macro", zero_division=0))


def log_loss(labels: LabelArray, probabilities: Probabilities) -> float:
    """Give the mean negative log probability of the true class, in nats."""
    true = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.mean(np.log(np.clip(true, SMALLEST_PROBABILITY, 1.0))))


N_BINS = 15
"""Of equal width, over the confidence."""


@dataclass(frozen=True)
class ConfidenceBins:
    """Predictions by how sure the model was; each array has one entry a bin."""

    counts: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float64]
    """Sum of the confidences."""
    right: npt.NDArray[np.float64]
    """How many of them are right."""


def confidence_bins(
    labels: LabelArray, probabilities: Probabilities, *, n_bins: int = N_BINS
) -> ConfidenceBins:
    """Sort predictions by their confidence.

    Args:
        labels: Class numbers, shape ``(rows,)``.
        probabilities: Shape ``(rows, classes)``.
        n_bins: Bins of equal width over the confidence.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    bins = _bin_of(confidence, n_bins)
    return ConfidenceBins(
        np.bincount(bins, minlength=n_bins),
        np.bincount(bins, weights=confidence, minlength=n_bins).astype(np.float64),
        np.bincount(bins, weights=right.astype(np.float64), minlength=n_bins).astype(np.float64),
    )


def calibration_error(
    labels: LabelArray, probabilities: Probabilities, *, n_bins: int = N_BINS
) -> float:
    """Give the expected calibration error: how far confidence is from accuracy, on average.

    Args:
        labels: Class numbers, shape ``(rows,)``.
        probabilities: Shape ``(rows, classes)``.
        n_bins: Bins of equal width over the confidence.

    Returns:
        0 to 1; 0 is calibrated.

    Source: Guo et al. 2017, arXiv:1706.04599, eq. 3.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    gaps = np.bincount(_bin_of(confidence, n_bins), weights=right - confidence, minlength=n_bins)
    return float(np.abs(gaps).sum() / len(labels))


def _bin_of(confidence: npt.NDArray[np.float64], n_bins: int) -> npt.NDArray[np.int64]:
    return np.clip(np.ceil(confidence * n_bins).astype(np.int64) - 1, 0, n_bins - 1)


def confusion_matrix(
    labels: LabelArray, probabilities: Probabilities, n_classes: int
) -> npt.NDArray[np.int64]:
    """Count rows by true class (first axis) and predicted class (second axis)."""
    counts: npt.NDArray[np.int64] = sklearn_metrics.confusion_matrix(
        labels, probabilities.argmax(axis=1), labels=np.arange(n_classes)
    )
    return counts


def summarise(
    labels: LabelArray, probabilities: Probabilities, class_names: Sequence[str]
) -> ViewSummary:
    """Describe predictions by the numbers that one compares trials with.

    Args:
        labels: Class numbers, shape ``(rows,)``.
        probabilities: Shape ``(rows, classes)``.
        class_names: One name per class.
    """
    precision, recall, f1, _ = sklearn_metrics.precision_recall_fscore_support(
        labels,
        probabilities.argmax(axis=1),
        labels=np.arange(len(class_names)),
        zero_division=0,
    )
    return ViewSummary(
        accuracy=score_predictions("accuracy", labels, probabilities),
        balanced_accuracy=score_predictions("balanced_accuracy", labels, probabilities),
        macro_f1=score_predictions("macro_f1", labels, probabilities),
        log_loss=log_loss(labels, probabilities),
        calibration_error=calibration_error(labels, probabilities),
        classes={
            name: ClassScores(float(precision[index]), float(recall[index]), float(f1[index]))
            for index, name in enumerate(class_names)
        },
    )
