"""The slots of a sweep: one for each trial of the budget, claimed by one worker at a time."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.exc import IntegrityError

from search.ledger.storage import Storage
from search.ledger.tables import slots, workers
from search.study.rung import enters_rung
from spaces.errors import FoldsweepError

SlotState = Literal["free", "running", "done", "pruned", "failed"]
FINISHED: tuple[SlotState, ...] = ("done", "pruned", "failed")
MAX_LOSSES = 3


class SlotLostError(FoldsweepError):
    """Another worker has this trial now: drop it, write nothing."""


@dataclass(frozen=True)
class Slot:
    """One row of the slots, as it was when it was read. Times in seconds since 1970."""

    sweep_id: str
    number: int
    state: SlotState
    worker_id: str | None
    attempt: int
    losses: int
    trial_number: int | None
    trial_id: int | None
    run_id: str | None
    params: Mapping[str, Any] | None
    head_score: float | None
    finetuned: bool | None
    score: float | None
    clean: float | None
    shifted: float | None
    detail: Mapping[str, Any] | None
    reason: str | None
    told: bool
    started_at: float | None
    ended_at: float | None
    device_s: float


class SlotBook:
    """The slots of one sweep. Every write of a worker carries its attempt, and a late one fails.

    Args:
        storage: Where the tables live.
        sweep_id: The sweep.
    """

    def __init__(self, storage: Storage, sweep_id: str) -> None:
        self._storage = storage
        self._sweep_id = sweep_id
        self._mine = slots.c.sweep_id == sweep_id

    def all(self) -> Sequence[Slot]:
        """Read every slot, in the order of their numbers."""
        query = select(slots).where(self._mine).order_by(slots.c.number)
        with self._storage.reading() as connection:
            return [Slot(**row._mapping) for row in connection.execute(query)]

    def one(self, number: int) -> Slot:
        """Read the slot of a number that is known to exist."""
        query = select(slots).where(self._mine, slots.c.number == number)
        with self._storage.reading() as connection:
            return Slot(**connection.execute(query).one()._mapping)

    def counts(self) -> dict[str, int]:
        """Count the slots by state."""
        query = (
            select(slots.c.state, func.count().label("slots"))
            .where(self._mine)
            .group_by(slots.c.state)
        )
        with self._storage.reading() as connection:
            found = {row.state: row.slots for row in connection.execute(query)}
        return {state: found.get(state, 0) for state in ("free", "running", *FINISHED)}

    def claim(self, worker_id: str) -> Slot | None:
        """Take a free slot, one that was begun before others; None if there is none."""
        with self._storage.writing() as connection:
            number = connection.execute(
                select(slots.c.number)
                .where(self._mine, slots.c.state == "free")
                # False comes before True: a trial that was lost or given back goes first.
                .order_by(slots.c.trial_number.is_(None), slots.c.number)
                .limit(1)
                .with_for_update(skip_locked=True)
            ).scalar()
            if number is None:
                return None
            connection.execute(
                update(slots)
                .where(self._mine, slots.c.number == number)
                .values(
                    state="running",
                    worker_id=worker_id,
                    attempt=slots.c.attempt + 1,
                    started_at=time.time(),
                    ended_at=None,
                )
            )
            taken = select(slots).where(self._mine, slots.c.number == number)
            return Slot(**connection.execute(taken).one()._mapping)

    def assign_trial(self, slot: Slot, trial_number: int, trial_id: int) -> bool:
        """Bind an Optuna trial to the slot; False if another slot has it already."""
        try:
            self._write(slot, trial_number=trial_number, trial_id=trial_id)
        except IntegrityError:
            return False
        return True

    def note_params(self, slot: Slot, params: Mapping[str, Any]) -> None:
        """Store what the slot's trial tries."""
        self._write(slot, params=dict(params))

    def note_run(self, trial_number: int, run_id: str) -> None:
        """Store a trial's MLflow run: the same in every attempt, so it needs no fence."""
        with self._storage.writing() as connection:
            connection.execute(
                update(slots)
                .where(self._mine, slots.c.trial_number == trial_number)
                .values(run_id=run_id)
            )

    def check_held(self, slot: Slot) -> None:
        """Raise SlotLostError if another worker has taken the slot over."""
        query = select(slots.c.number).where(self._held(slot))
        with self._storage.reading() as connection:
            if connection.execute(query).one_or_none() is None:
                raise _lost(slot)

    def enter_finetuning(self, slot: Slot, head_score: float, *, top: float) -> bool:
        """Note a trial's score after its first stage, and decide whether it is fine-tuned.

        An attempt with the same score as an earlier one of this trial gets the same answer.

        Args:
            slot: The trial's.
            head_score: Higher is better.
            top: The share that goes on, see :func:`search.study.rung.enters_rung`.
        """
        with self._storage.writing() as connection:
            mine = connection.execute(select(slots).where(self._held(slot))).one_or_none()
            if mine is None:
                raise _lost(slot)
            if mine.head_score == head_score and mine.finetuned is not None:
                return bool(mine.finetuned)
            others = connection.execute(
                select(slots.c.head_score).where(
                    self._mine, slots.c.number != slot.number, slots.c.head_score.is_not(None)
                )
            ).scalars()
            goes_on = enters_rung(head_score, list(others), top=top)
            connection.execute(
                update(slots)
                .where(self._held(slot))
                .values(head_score=head_score, finetuned=goes_on)
            )
            return goes_on

    def finish(self, slot: Slot, state: SlotState, **outcome: Any) -> None:
        """End a trial.

        Args:
            slot: The trial's, as it was claimed.
            state: ``done``, ``pruned`` or ``failed``.
            outcome: ``score``, ``clean``, ``shifted``, ``detail`` and ``reason``.

        Raises:
            SlotLostError: If another worker has taken the trial over; nothing is written.
        """
        self._write(slot, state=state, ended_at=time.time(), device_s=_device_s(), **outcome)

    def mark_told(self, slot: Slot) -> None:
        """Note that Optuna knows how the trial ended."""
        where = (self._mine, slots.c.number == slot.number, slots.c.state.in_(FINISHED))
        with self._storage.writing() as connection:
            connection.execute(update(slots).where(*where).values(told=True))

    def release_held_by(self, worker_id: str) -> None:
        """Give back what a worker holds, to be run again under the same number."""
        held = (self._mine, slots.c.state == "running", slots.c.worker_id == worker_id)
        with self._storage.writing() as connection:
            connection.execute(
                update(slots)
                .where(*held)
                .values(state="free", worker_id=None, device_s=_device_s())
            )

    def free_slots_of(self, worker_ids: Sequence[str]) -> int:
        """Free the trials of workers that died; one that was lost too often has failed.

        Returns:
            How many trials were freed.
        """
        held = (self._mine, slots.c.state == "running", slots.c.worker_id.in_(worker_ids))
        with self._storage.writing() as connection:
            connection.execute(
                update(slots)
                .where(*held, slots.c.losses + 1 >= MAX_LOSSES)
                .values(
                    state="failed",
                    losses=slots.c.losses + 1,
                    ended_at=time.time(),
                    reason=f"its worker was killed {MAX_LOSSES} times; out of memory is the usual "
                    "cause: narrow the space to smaller backbones or batches.",
                )
            )
            freed = connection.execute(
                update(slots)
                .where(*held)
                .values(state="free", worker_id=None, losses=slots.c.losses + 1, device_s=_lost_s())
            )
            return freed.rowcount

    def _write(self, slot: Slot, **values: Any) -> None:
        with self._storage.writing() as connection:
            written = connection.execute(update(slots).where(self._held(slot)).values(**values))
            if written.rowcount == 0:
                raise _lost(slot)

    def _held(self, slot: Slot) -> ColumnElement[bool]:
        return (
            self._mine
            & (slots.c.number == slot.number)
            & (slots.c.state == "running")
            & (slots.c.attempt == slot.attempt)
        )


def _lost(slot: Slot) -> SlotLostError:
    return SlotLostError(
        f"trial {slot.trial_number} was taken over by another worker (this was attempt "
        f"{slot.attempt})"
    )


def _device_s() -> ColumnElement[float]:
    return slots.c.device_s + (time.time() - slots.c.started_at)


def _lost_s() -> ColumnElement[float]:
    # A worker that died was last seen some seconds before: closer than now, which may be tomorrow.
    seen = select(workers.c.last_seen).where(workers.c.id == slots.c.worker_id).scalar_subquery()
    return slots.c.device_s + func.coalesce(seen - slots.c.started_at, 0.0)
