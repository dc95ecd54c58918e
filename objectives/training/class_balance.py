"""Weights per class, from the labels that a fold's model trains on."""

import numpy as np
import numpy.typing as npt

from objectives.records import FloatArray, LabelArray


def balanced_class_weights(
    labels: LabelArray, fold_of: npt.NDArray[np.int64], *, n_folds: int, n_classes: int
) -> FloatArray:
    """Weigh each class by its inverse frequency among the training rows of each fold.

    Args:
        labels: Class numbers, shape ``(rows,)``.
        fold_of: Fold of each row; -1 trains with every fold.
        n_folds: Number of folds, k.
        n_classes: Number of classes.

    Returns:
        ``rows / (classes * count)`` as scikit-learn's ``balanced``, shape ``(k, classes)``; a
        class that a fold never trains on weighs nothing.
    """
    weights = np.zeros((n_folds, n_classes), dtype=np.float32)
    for fold in range(n_folds):
        counts = np.bincount(labels[fold_of != fold], minlength=n_classes)
        present = counts > 0
        weights[fold, present] = counts.sum() / (n_classes * counts[present])
    return weights
