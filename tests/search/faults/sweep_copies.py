"""Copies of a prepared sweep, each with a home of its own, and what can be read of them."""

import math
import shutil
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import optuna

from search.storage.records import Slot, WorkerRow
from search.storage.storage import open_storage
from spaces.params import TrialParams
from tests.search.faults.forked_workers import AtCall, Ended, run_worker_process

HEAD_EPOCHS = 2


@dataclass(frozen=True)
class SweepState:
    """What the database says of the sweep."""

    slots: tuple[Slot, ...]
    workers: tuple[WorkerRow, ...]
    trials: tuple[optuna.trial.FrozenTrial, ...]
    """Of the study of heads."""
    tuned_trials: tuple[optuna.trial.FrozenTrial, ...]
    """Of the study of fine-tuning."""


class SweepCopy:
    """One copy.

    Args:
        home: Of the sweep, which has the storage in it.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        # No MLflow listens there: what it should be told stays in the spools.
        self._environment = {
            "FOLDSWEEP_HOME": str(home),
            "MLFLOW_TRACKING_URI": "http://127.0.0.1:1",
        }

    @property
    def spools(self) -> Path:
        """The folder of what waits for MLflow."""
        return self.home / "sweeps" / "tiny" / "outbox"

    def work(self, at: AtCall | None = None) -> Ended:
        """Run one worker to its end."""
        file = self.home / "sweeps" / "tiny" / "sweep.yaml"
        return run_worker_process(file, self._environment, at)

    def state(self) -> SweepState:
        """Read everything."""
        with closing(open_storage(f"sqlite:///{self.home}/foldsweep.db")) as storage:
            row = storage.sweeps.find("tiny")
            assert row is not None
            studies = {each.study_name: each._study_id for each in storage.optuna.get_all_studies()}
            trials, tuned = (
                storage.optuna.get_all_trials(studies[name]) if name in studies else []
                for name in ("tiny", "tiny/finetune")
            )
            slots, workers = storage.slots(row.id).all(), storage.workers(row.id).all()
            return SweepState(tuple(slots), tuple(workers), tuple(trials), tuple(tuned))


class SweepCopies:
    """Makes copies.

    Args:
        home: Of the sweep as it was prepared; nobody uses it.
        folder: Where the copies go.
    """

    def __init__(self, home: Path, folder: Path) -> None:
        self._home = home
        self._folder = folder
        self._numbers = count()

    def make(self) -> SweepCopy:
        """Make one more."""
        home = self._folder / f"copy-{next(self._numbers)}"
        shutil.copytree(self._home, home)
        return SweepCopy(home)


def score_of(params: Mapping[str, object]) -> float:
    """Give what the tiny objective finds for a point."""
    point = TrialParams.model_validate(params)
    distance = abs(point.dropout - 0.2) + abs(math.log10(point.learning_rate) + 3) / 10
    return (1 - distance) * (1 - 0.5**HEAD_EPOCHS)
