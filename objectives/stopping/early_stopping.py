"""A stage that no longer improves."""

import math
from dataclasses import dataclass

from spaces.params import ScheduleName


@dataclass
class Patience:
    """Early stopping: so many epochs without a better mean of the folds; 0 never stops."""

    epochs: int
    best: float = -math.inf
    waited: int = 0

    def note(self, score: float) -> None:
        """Take note of an epoch's score."""
        if score > self.best:
            self.best, self.waited = score, 0
        else:
            self.waited += 1

    @property
    def exhausted(self) -> bool:
        """Say whether the stage has waited long enough."""
        return 0 < self.epochs <= self.waited


def patience_of(schedule: ScheduleName, epochs: int) -> int:
    """Give the patience under a schedule: where the rate falls to zero there is none.

    A cosine gains most in its last epochs; stopped before, it is a high constant rate cut short.

    Args:
        schedule: Of the learning rate.
        epochs: The sweep's patience.
    """
    return 0 if schedule == "cosine" else epochs
