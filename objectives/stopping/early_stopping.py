"""A fold that no longer improves."""

import math
from dataclasses import dataclass


@dataclass
class Patience:
    """Early stopping of one fold: so many epochs without a better score; 0 never stops."""

    epochs: int
    best: float = -math.inf
    waited: int = 0

    def improves(self, score: float) -> bool:
        """Take note of a score and say whether it is the best so far."""
        if score > self.best:
            self.best, self.waited = score, 0
            return True
        self.waited += 1
        return False

    @property
    def exhausted(self) -> bool:
        """Say whether the fold has waited long enough."""
        return 0 < self.epochs <= self.waited
