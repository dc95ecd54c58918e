"""The rows of the storage as typed records. Times are in seconds since 1970, by its own clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from objectives.records import Phase
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
    money: float | None = None
    gpu_hour_price: float | None = None
    """What an hour of one GPU costs, in the currency of ``money``."""

    @property
    def most_gpu_hours(self) -> float | None:
        """The lower of the limits that come to GPU hours; None without one."""
        paid = self.money / self.gpu_hour_price if self.money and self.gpu_hour_price else None
        return min((hours for hours in (self.gpu_hours, paid) if hours is not None), default=None)


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
    money: float | None
    gpu_hour_price: float | None
    stop: int
    """Whether its workers are asked to stop: 1 in good order, 2 at once."""
    created_at: float
    resumed_at: float

    @property
    def budget(self) -> Budget:
        """The present budget, whatever the file says."""
        limits = (self.hours, self.gpu_hours, self.money, self.gpu_hour_price)
        return Budget(self.trials, *limits)


@dataclass(frozen=True)
class Slot:
    """One phase of one trial of a budget, as it was when it was read."""

    sweep_id: str
    number: int
    """The same in both phases."""
    phase: Phase
    state: SlotState
    worker_id: str | None
    attempt: int
    """Counts up with each claim and each loss; every write of a worker carries it, and a late one
    fails."""
    losses: int
    """Attempts whose worker died or crashed."""
    in_vain: int
    """Those of them since a state was last kept: a trial that comes forward is not given up."""
    trial: int | None
    """Optuna's number in the study of heads, which people see."""
    study_trial: int | None
    """Optuna's number in the study of the phase."""
    run_id: str | None
    params: Mapping[str, Any] | None
    score: float | None
    clean: float | None
    shifted: float | None
    detail: Mapping[str, Any] | None
    goes_on: bool
    """Whether its trial may be fine-tuned."""
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
class Standing:
    """How far the trials of a sweep are: all that decides what is run next."""

    heads: Mapping[str, int]
    """Counts by state."""
    finetunings: Mapping[str, int]
    """Counts by state of those that were begun."""
    scores: Mapping[int, float]
    """Of the heads that are done, by slot."""
    worthy: Mapping[int, float]
    """Of these, the ones that may be fine-tuned."""
    begun: frozenset[int]
    """Slots whose fine-tuning was begun, however it goes."""
    holders: frozenset[str]
    """Workers that hold a slot."""


@dataclass(frozen=True)
class EpochRow:
    """One epoch of a trial, as it was first recorded."""

    sweep_id: str
    number: int
    phase: Phase
    stage: str
    epoch: int
    folds: str
    step: int
    attempt: int
    scores: Mapping[str, float]
    mean: float
    recorded_ms: int


@dataclass(frozen=True)
class CheckpointRow:
    """A part of the state of a phase; its arrays are in ``content`` or lie at ``uri``."""

    part: str
    stage: str
    epoch: int
    """The last one that is in it."""
    version: int
    """Equal versions of a part are equal arrays."""
    seconds: float
    """How long it took to come so far, over all attempts."""
    sha256: str
    n_bytes: int
    uri: str | None = None
    content: bytes | None = None


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
