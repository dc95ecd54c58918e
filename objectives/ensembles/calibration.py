"""Probabilities that mean what they say: one temperature, found by the log loss."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from objectives.ensembles.table import Probabilities
from objectives.evaluation.metrics import calibration_error, log_loss
from objectives.records import LabelArray

SMALLEST_SHARE = 1e-30
"""What a probability of 0 is taken for where its logarithm is needed: float32 still has it."""
LOG_TEMPERATURES = (np.log(0.05), np.log(20.0))
"""Where a temperature is looked for; both ends are far from what networks need."""


@dataclass(frozen=True)
class CalibrationNumbers:
    """How far probabilities are from what happens."""

    log_loss: float
    """In nats."""
    calibration_error: float
    """Expected calibration error, 0 to 1."""

    @classmethod
    def of(cls, labels: LabelArray, probabilities: Probabilities) -> "CalibrationNumbers":
        """Measure predictions of shape ``(views, rows, classes)``, all views together."""
        n_views, _, n_classes = probabilities.shape
        of_all, flat = np.tile(labels, n_views), probabilities.reshape(-1, n_classes)
        return cls(log_loss(of_all, flat), calibration_error(of_all, flat))


def temper(probabilities: Probabilities, temperature: float) -> Probabilities:
    """Divide the logits behind probabilities by a temperature: above 1 makes them less sure."""
    if temperature == 1.0:
        return probabilities
    return np.asarray(np.exp(log_softmax(_logits(probabilities) / temperature, axis=-1)))


def fit_temperature(labels: LabelArray, probabilities: Probabilities) -> float:
    """Find the temperature under which the log loss, averaged over views, is smallest.

    Args:
        labels: Shape ``(rows,)``.
        probabilities: Shape ``(views, rows, classes)``.

    Source: Guo et al. 2017, arXiv:1706.04599, section 4.2.
    """
    logits = _logits(probabilities)
    below_best = logits - logits.max(axis=-1, keepdims=True)
    of_true = below_best[:, np.arange(len(labels)), labels]

    def mean_loss(log_temperature: float) -> float:
        temperature = np.exp(log_temperature)
        of_all = np.log(np.exp(below_best / temperature).sum(axis=-1))
        return float((of_all - of_true / temperature).mean())

    found = minimize_scalar(
        mean_loss, bounds=LOG_TEMPERATURES, method="bounded", options={"xatol": 1e-3}
    )
    return float(np.exp(found.x))


def _logits(probabilities: Probabilities) -> Probabilities:
    return np.asarray(np.log(np.maximum(probabilities, SMALLEST_SHARE)), dtype=np.float64)
