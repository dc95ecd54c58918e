"""How much ``bench/storage.py`` does: the same code at every size."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class StorageSize:
    """Numbers of trials and workers."""

    name: str
    trials: int
    """Of each race."""
    workers: Mapping[str, int]
    """Of each race, by the kind of database."""
    studies: tuple[int, ...]
    """How many trials a study holds when the milliseconds of a trial are measured."""
    timed_trials: int
    """Trials that are timed at each of these."""
    fleets: tuple[tuple[int, int], ...]
    """Trials in the study and workers in the sweep when statements are counted."""
    counted_trials: int
    """Trials whose statements are counted, without epochs and with them."""
    counted_beats: int
    simulated_s: float
    """Of the fleet's work that is simulated."""
    images: int = 160
    image_px: int = 32

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain data."""
        return asdict(self)


FULL = StorageSize(
    name="full",
    trials=1000,
    workers={"postgresql": 16, "sqlite": 8},
    studies=(100, 1000, 10_000),
    timed_trials=60,
    fleets=((1000, 1000), (10_000, 1000)),
    counted_trials=10,
    counted_beats=20,
    simulated_s=600.0,
)
SMALL = StorageSize(
    name="small",
    trials=12,
    workers={"postgresql": 3, "sqlite": 2},
    studies=(10, 100),
    timed_trials=4,
    fleets=((50, 20),),
    counted_trials=2,
    counted_beats=3,
    simulated_s=60.0,
)


@dataclass(frozen=True)
class Fleet:
    """Many workers, and how often they do what costs the database something."""

    workers: int = 1000
    trial_s: float = 60.0
    epochs: int = 20
    beat_s: float = 10.0

    @property
    def rates(self) -> Mapping[str, float]:
        """How many trials, epochs and beats there are in a second."""
        trials = self.workers / self.trial_s
        beats = self.workers / self.beat_s
        return {"trial": trials, "epoch": trials * self.epochs, "beat": beats}


THOUSAND = Fleet()
