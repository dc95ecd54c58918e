"""What finished trials predict of the same rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from objectives.evaluation.sums import image_terms, score_of_sums
from objectives.records import LabelArray, RowArray
from objectives.settings import Metric

Probabilities = npt.NDArray[np.floating]


@dataclass(frozen=True)
class OofTable:
    """Out-of-fold predictions of some trials, its *members*.

    ``labels``, ``fold_of`` and ``groups`` have one entry a row; groups come and go together in a
    bootstrap.
    """

    labels: LabelArray
    fold_of: RowArray
    groups: RowArray
    members: Sequence[Probabilities]
    """Of each member, shape ``(views, rows, classes)``: the views that the sweep's score sees."""
    metric: Metric

    def rows(self, kept: npt.NDArray[np.bool_]) -> "OofTable":
        """Give some of the rows."""
        return replace(
            self,
            labels=self.labels[kept],
            fold_of=self.fold_of[kept],
            groups=self.groups[kept],
            members=[member[:, kept] for member in self.members],
        )

    def score(self, probabilities: Probabilities) -> float:
        """Score an answer about these rows, shape ``(views, rows, classes)``; higher is better."""
        return score_views(self.labels, probabilities, self.metric)


def score_views(labels: LabelArray, probabilities: Probabilities, metric: Metric) -> float:
    """Give the mean over views of the score of each; log loss enters negated.

    Args:
        labels: Shape ``(rows,)``.
        probabilities: Shape ``(views, rows, classes)``.
        metric: The sweep's.
    """
    sums = [image_terms(labels, view, metric).sum(axis=0) for view in probabilities]
    return float(score_of_sums(np.stack(sums)).mean())
