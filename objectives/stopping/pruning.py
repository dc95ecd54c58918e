"""A trial that is worse than the others at its epoch."""

from dataclasses import dataclass
from typing import Literal

PrunerName = Literal["median", "percentile", "hyperband", "none"]
_KEPT_PERCENT = {"median": 50.0, "percentile": 75.0}
LOOKS = 4


@dataclass(frozen=True)
class PercentileRule:
    """Stop a trial that is below a percentile of the others, at some of its epochs.

    The first epochs of a warm-up say little; judged at every epoch, a trial is soon compared with
    survivors alone; and where most trials have stopped early, the few that go on are no measure.
    """

    kept_percent: float
    """Best share of the trials that have come as far."""
    first_step: int
    interval_steps: int
    min_trials: int
    """How many others must have ended, and have come as far, before one is stopped."""


def percentile_rule(name: PrunerName, *, epochs: int) -> PercentileRule | None:
    """Give the rule of a pruner; None for those that are none or not of this kind.

    A further trial on features that are there costs seconds, so by default only the hopeless are
    stopped: the worst quarter, at four looks.

    Args:
        name: As the sweep file names it.
        epochs: The most epochs of the stage in which trials are compared.
    """
    if name not in _KEPT_PERCENT:
        return None
    return PercentileRule(
        _KEPT_PERCENT[name],
        first_step=epochs // LOOKS,
        interval_steps=max(1, epochs // LOOKS),
        min_trials=5,
    )
