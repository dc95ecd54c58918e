"""The rows of the storage as typed records. Times are in seconds since 1970, by its own clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from spaces.errors import FoldsweepError

SlotState = Literal["free", "running", "done", "pruned", "failed"]
FINISHED: tuple[SlotState, ...] = ("done", "pruned", "failed")


class SlotLostError(FoldsweepError):
    """Another worker has this trial now: drop it, write nothing."""


@dataclass(frozen=True)
class Budget:
    """What a sweep may use; the first limit that is reached counts, None sets none."""

    trials: int
    hours: float | None = None
    gpu_hours: float | None = None


@dataclass(frozen=True)
class SweepRow:
    """One sweep."""

    id: str
    name: str
    file: str
    """The sweep file with every default filled in, as it was when the sweep was last launched."""
    fingerprint: str
    fold_hash: str
    splits: bytes
    versions: Mapping[str, str]
    trials: int
    hours: float | None
    gpu_hours: float | None
    created_at: float
    resumed_at: float

    @property
    def budget(self) -> Budget:
        """The present budget, whatever the file says."""
        return Budget(self.trials, self.hours, self.gpu_hours)


@dataclass(frozen=True)
class Slot:
    """One trial of a budget, as it was when it was read."""

    sweep_id: str
    number: int
    state: SlotState
    worker_id: str | None
    attempt: int
    """Counts up with each claim and each loss; every write of a worker carries it, and a late one
    fails."""
    losses: int
    """Attempts whose worker died or crashed."""
    trial: int | None
    run_id: str | None
    params: Mapping[str, Any] | None
    score: float | None
    clean: float | None
    shifted: float | None
    detail: Mapping[str, Any] | None
    reason: str | None
    told: bool
    spooled: str | None
    began_at: float | None
    claimed_at: float | None
    ended_at: float | None
    device_s: float

    @property
    def claims(self) -> int:
        """How often a worker has taken it."""
        return self.attempt - self.losses


@dataclass(frozen=True)
class Phase:
    """A stage that a trial has ended, with the score that it had then."""

    sweep_id: str
    number: int
    stage: str
    score: float
    goes_on: bool
    ended_at: float


@dataclass(frozen=True)
class EpochRow:
    """One epoch of a trial, as it was first recorded."""

    sweep_id: str
    number: int
    stage: str
    epoch: int
    folds: str
    step: int
    attempt: int
    scores: Mapping[str, float]
    mean: float
    recorded_ms: int


@dataclass(frozen=True)
class WorkerRow:
    """One worker process."""

    id: str
    sweep_id: str
    host: str
    machine: str
    pid: int
    pid_started_at: float
    device: str
    gpus: float
    state: str
    """``live``, ``left`` or ``lost``."""
    beat: int
    """Counts up while the worker lives."""
    joined_at: float
    seen_at: float
    progress: Mapping[str, Any] | None
