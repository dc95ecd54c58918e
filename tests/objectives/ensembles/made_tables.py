"""Out-of-fold tables drawn from known laws."""

from collections.abc import Sequence

import numpy as np

from objectives.ensembles.table import OofTable
from objectives.settings import Metric

N_FOLDS = 5


def softmax(logits: np.ndarray) -> np.ndarray:
    exp = np.exp(logits)
    return np.asarray(exp / exp.sum(axis=-1, keepdims=True))


def made_table(
    skills: Sequence[float],
    *,
    n_rows: int = 200,
    n_classes: int = 4,
    shared: float = 0.0,
    metric: Metric = "accuracy",
    seed: int = 0,
) -> OofTable:
    """Draw members that know the true class by ``skill``; ``shared`` is noise common to them all.

    The rest of the noise, of standard deviation 1, is each member's own.
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n_rows)
    common = shared * rng.normal(size=(2, n_rows, n_classes))
    members = [
        softmax(
            skill * np.eye(n_classes)[labels] + common + rng.normal(size=(2, n_rows, n_classes))
        ).astype(np.float32)
        for skill in skills
    ]
    fold_of = np.arange(n_rows) % N_FOLDS
    return OofTable(labels, fold_of, np.arange(n_rows), members, metric)
