"""Metrics as functions of sums over images: quick to score again with other images or weights."""

import numpy as np
import numpy.typing as npt

from objectives.evaluation.metrics import SMALLEST_PROBABILITY
from objectives.records import LabelArray
from objectives.settings import Metric

Float64Array = npt.NDArray[np.float64]


def image_terms(
    labels: LabelArray, probabilities: npt.NDArray[np.floating], metric: Metric
) -> Float64Array:
    """Give what each image adds to the sums that a metric is made of.

    Args:
        labels: Shape ``(images,)``.
        probabilities: Shape ``(images, classes)``.
        metric: Log loss enters negated.

    Returns:
        Shape ``(images, terms)``.
    """
    n_classes = probabilities.shape[1]
    if metric == "log_loss":
        of_label = probabilities[np.arange(len(labels)), labels].astype(np.float64)
        log_of_label = np.log(np.clip(of_label, SMALLEST_PROBABILITY, 1))
        return np.stack([log_of_label, np.ones(len(labels))], axis=1)
    predicted = probabilities.argmax(axis=1)
    correct = (predicted == labels).astype(np.float64)
    if metric == "accuracy":
        return np.stack([correct, np.ones(len(labels))], axis=1)
    true = np.eye(n_classes)[labels]
    if metric == "balanced_accuracy":
        return np.concatenate([true * correct[:, None], true], axis=1)
    return np.concatenate(
        [2 * true * correct[:, None], true + np.eye(n_classes)[predicted]], axis=1
    )


def score_of_sums(sums: Float64Array) -> Float64Array:
    """Give the metric of sums ``(..., terms)``: a ratio, or the mean ratio of the classes.

    A class that a resample holds neither as label nor (for F1) as prediction has no ratio and is
    left out of the mean, as scikit-learn does.
    """
    over, under = np.split(sums, 2, axis=-1)
    present = under > 1e-9
    ratios = np.divide(over, under, out=np.zeros_like(over), where=present)
    return np.asarray(ratios.sum(axis=-1) / np.maximum(present.sum(axis=-1), 1), dtype=np.float64)
