"""Which answers were wrong, and how sure the model was of them."""

import numpy as np

from objectives.records import FloatArray, LabelArray, RowArray


def worst_mistakes(labels: LabelArray, probabilities: FloatArray) -> RowArray:
    """Give the positions of all wrong answers, the surest first.

    Args:
        labels: Class numbers, shape ``(rows,)``.
        probabilities: Shape ``(rows, classes)``.
    """
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    order = np.argsort(-probabilities[wrong, predicted[wrong]], kind="stable")
    return np.asarray(wrong[order], np.int64)
