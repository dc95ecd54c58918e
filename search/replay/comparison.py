"""What a replay came to, beside what the storage has of the trial."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from objectives.records import Phase

CPU_TOLERANCE = 0.0
"""On a CPU, with as many threads and the same versions, every score repeats to the last bit."""
GPU_TOLERANCE = 0.01
"""On a GPU sums are added up in an order that changes from run to run, and half precision rounds
them: after some epochs a few images in a hundred at most are classified otherwise."""


@dataclass(frozen=True)
class EpochComparison:
    """One epoch: scores by fold, none for one that was not recorded, or not come to again."""

    stage: str
    epoch: int
    scores: Mapping[str, float]
    stored: Mapping[str, float]

    @property
    def difference(self) -> float:
        """The largest of a fold; infinite if the folds are others."""
        if self.scores.keys() != self.stored.keys():
            return math.inf
        return largest((self.scores[fold], self.stored[fold]) for fold in self.stored)


@dataclass(frozen=True)
class Replay:
    """A phase of a trial that was run again."""

    sweep: str
    trial: int
    phase: Phase
    score: float | None
    """None, like the stored one, of a fine-tuning that was given up: it has no score."""
    stored_score: float | None
    fold_scores: Sequence[float]
    stored_fold_scores: Sequence[float]
    epochs: Sequence[EpochComparison]
    differences: Sequence[str]
    """What is not as it was when the trial ran: versions, the device."""
    tolerance: float

    @property
    def largest_difference(self) -> float:
        """The largest between a score and its stored one; infinite if one is missing."""
        pairs = [(self.score, self.stored_score)]
        pairs += list(zip(self.fold_scores, self.stored_fold_scores, strict=False))
        same_length = len(self.fold_scores) == len(self.stored_fold_scores)
        of_epochs = max((epoch.difference for epoch in self.epochs), default=0.0)
        return max(largest(pairs), of_epochs, 0.0 if same_length else math.inf)

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs by more than the tolerance."""
        return self.largest_difference <= self.tolerance

    @property
    def is_promised(self) -> bool:
        """Whether it should be equal: with other versions or devices nobody can say so."""
        return not self.differences

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            **asdict(self),
            "largest_difference": self.largest_difference,
            "equal": self.is_equal,
            "promised": self.is_promised,
        }


def largest(pairs: Iterable[tuple[float | None, float | None]]) -> float:
    """Give the largest difference of pairs of numbers, of which both may be None or nan."""
    return max((_difference(*pair) for pair in pairs), default=0.0)


def _difference(one: float | None, other: float | None) -> float:
    if _is_missing(one) or _is_missing(other):
        return 0.0 if _is_missing(one) and _is_missing(other) else math.inf
    return abs(float(one or 0.0) - float(other or 0.0))


def _is_missing(number: float | None) -> bool:
    return number is None or math.isnan(number)
