"""The slots of a sweep: one for each trial of the budget, claimed by one worker at a time."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from search.storage.columns import now_s
from search.storage.database import Database
from search.storage.records import (
    FINISHED,
    EpochRow,
    Phase,
    Slot,
    SlotLostError,
    SlotState,
    WorkerRow,
)
from search.storage.tables import epochs, phases, slots, workers

MAX_LOSSES = 3


class Slots:
    """The slots of one sweep. Every write of a worker carries its attempt, and a late one fails.

    Args:
        database: Where the tables live.
        sweep_id: The sweep.
    """

    def __init__(self, database: Database, sweep_id: str) -> None:
        self._database = database
        self._sweep_id = sweep_id
        self._mine = slots.c.sweep_id == sweep_id

    def all(self) -> Sequence[Slot]:
        """Read every slot, in the order of their numbers."""
        query = select(slots).where(self._mine).order_by(slots.c.number)
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return [Slot(**row._mapping) for row in rows]

    def one(self, number: int) -> Slot:
        """Read the slot of a number that is known to exist."""
        query = select(slots).where(self._mine, slots.c.number == number)
        row = self._database.read(lambda connection: connection.execute(query).one())
        return Slot(**row._mapping)

    def counts(self) -> dict[str, int]:
        """Count the slots by state."""
        query = (
            select(slots.c.state, func.count().label("slots"))
            .where(self._mine)
            .group_by(slots.c.state)
        )
        rows = self._database.read(lambda connection: connection.execute(query).all())
        found = {row.state: row.slots for row in rows}
        return {state: found.get(state, 0) for state in ("free", "running", *FINISHED)}

    def unsaid(self) -> Sequence[Slot]:
        """Read those whose ending Optuna or MLflow may not know, or MLflow that they wait."""
        untold = slots.c.state.in_(FINISHED) & slots.c.told.is_(False)
        said = func.coalesce(slots.c.spooled, "") == slots.c.state
        waits = (slots.c.state == "free") & slots.c.spooled.is_not(None)
        unspooled = (slots.c.state.in_(FINISHED) | waits) & ~said
        query = select(slots).where(self._mine, untold | unspooled).order_by(slots.c.number)
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return [Slot(**row._mapping) for row in rows]

    def latest_endings(self, since: float, count: int) -> Sequence[Slot]:
        """Read the trials that ended last.

        Args:
            since: Only those that ended later, in seconds since 1970 by the storage's clock.
            count: The most to read.
        """
        query = (
            select(slots)
            .where(self._mine, slots.c.state.in_(FINISHED), slots.c.ended_at > since)
            .order_by(slots.c.ended_at.desc())
            .limit(count)
        )
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return [Slot(**row._mapping) for row in rows]

    def phases(self) -> Sequence[Phase]:
        """Read every stage that a trial of this sweep has ended."""
        query = select(phases).where(phases.c.sweep_id == self._sweep_id)
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return [Phase(**row._mapping) for row in rows]

    def epochs(self, number: int) -> Sequence[EpochRow]:
        """Read every epoch of one trial, in the order in which they were recorded."""
        query = (
            select(epochs)
            .where(epochs.c.sweep_id == self._sweep_id, epochs.c.number == number)
            .order_by(epochs.c.recorded_ms, epochs.c.step)
        )
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return [EpochRow(**row._mapping) for row in rows]

    def claim(self, worker_id: str) -> Slot | None:
        """Take a free slot, one that was begun before others; None if there is none.

        A worker holds one slot at a time: if it holds one already, it is given that.
        """
        held = (self._mine, slots.c.state == "running", slots.c.worker_id == worker_id)
        free = (
            select(slots.c.number)
            .where(self._mine, slots.c.state == "free")
            # False comes before True: a trial that was lost or given back goes first.
            .order_by(slots.c.trial.is_(None), slots.c.number)
            .limit(1)
            .with_for_update(skip_locked=True)
        )

        def take(connection: Connection) -> Slot | None:
            already = connection.execute(select(slots).where(*held)).one_or_none()
            if already is not None:
                return Slot(**already._mapping)
            number = connection.execute(free).scalar()
            if number is None:
                return None
            this = (self._mine, slots.c.number == number)
            connection.execute(
                update(slots)
                .where(*this)
                .values(
                    state="running",
                    worker_id=worker_id,
                    attempt=slots.c.attempt + 1,
                    began_at=func.coalesce(slots.c.began_at, now_s()),
                    claimed_at=now_s(),
                    ended_at=None,
                )
            )
            return Slot(**connection.execute(select(slots).where(*this)).one()._mapping)

        return self._database.write(take)

    def assign_trial(self, slot: Slot, trial: int) -> bool:
        """Bind Optuna's trial of a number to the slot; False if another slot has it already."""
        try:
            self._write(slot, trial=trial)
        except IntegrityError:
            return False
        return True

    def note_params(self, slot: Slot, params: Mapping[str, Any]) -> None:
        """Store what the slot's trial tries."""
        self._write(slot, params=dict(params))

    def note_run(self, trial: int, run_id: str) -> None:
        """Store a trial's MLflow run: the same in every attempt, so it needs no fence."""
        change = update(slots).where(self._mine, slots.c.trial == trial).values(run_id=run_id)
        self._database.write(lambda connection: connection.execute(change))

    def note_spooled(self, slot: Slot, state: str) -> None:
        """Store which state of an attempt is on its way to MLflow."""
        this = (self._mine, slots.c.number == slot.number, slots.c.attempt == slot.attempt)
        change = update(slots).where(*this).values(spooled=state)
        self._database.write(lambda connection: connection.execute(change))

    def check_held(self, slot: Slot) -> None:
        """Raise SlotLostError if another worker has taken the slot over."""
        if not self.is_held(slot):
            raise _lost(slot)

    def is_held(self, slot: Slot) -> bool:
        """Say whether the slot still is this attempt's."""
        query = select(slots.c.number).where(self._held(slot))
        return self._database.read(lambda connection: connection.scalar(query)) is not None

    def record_epoch(
        self,
        slot: Slot,
        stage: str,
        epoch: int,
        *,
        step: int,
        scores: Mapping[int, float],
        mean: float,
    ) -> tuple[EpochRow, bool]:
        """Store an epoch before anybody else hears of it.

        Args:
            slot: The trial's.
            stage: Its stage.
            epoch: From 0, within the stage.
            step: Where the epoch stands in the study and on the charts.
            scores: By fold.
            mean: What the study is told.

        Returns:
            The epoch as it is stored, and whether it is new: one that an earlier attempt recorded
            stays as it was.

        Raises:
            SlotLostError: If another worker has taken the trial over; nothing is written.
        """
        key = {
            "sweep_id": self._sweep_id,
            "number": slot.number,
            "stage": stage,
            "epoch": epoch,
            "folds": ",".join(str(fold) for fold in sorted(scores)),
        }
        this = [epochs.c[name] == value for name, value in key.items()]

        def record(connection: Connection) -> tuple[EpochRow, bool]:
            self._lock_held(connection, slot)
            row = connection.execute(select(epochs).where(*this)).one_or_none()
            if row is not None:
                found = EpochRow(**row._mapping)
                return found, False
            now_ms = int(1000 * float(connection.scalar(select(now_s())) or 0.0))
            stored = EpochRow(
                **key,  # type: ignore[arg-type]
                step=step,
                attempt=slot.attempt,
                scores={str(fold): float(score) for fold, score in scores.items()},
                mean=mean,
                recorded_ms=now_ms,
            )
            connection.execute(insert(epochs).values(**vars(stored)))
            return stored, True

        return self._database.write(record)

    def end_phase(
        self, slot: Slot, stage: str, score: float, *, goes_on: Callable[[Sequence[float]], bool]
    ) -> bool:
        """Note a trial's score at the end of a stage, and decide once whether another follows.

        Args:
            slot: The trial's.
            stage: The stage that has ended.
            score: Higher is better.
            goes_on: Decides from the scores of all other trials at the end of this stage. An
                attempt with the same score as an earlier one of this trial is not asked again.

        Raises:
            SlotLostError: If another worker has taken the trial over; nothing is written.
        """
        same_stage = (phases.c.sweep_id == self._sweep_id, phases.c.stage == stage)
        this = (*same_stage, phases.c.number == slot.number)

        def end(connection: Connection) -> bool:
            self._lock_held(connection, slot)
            earlier = connection.execute(select(phases).where(*this)).one_or_none()
            if earlier is not None and earlier.score == score:
                return bool(earlier.goes_on)
            others = select(phases.c.score).where(*same_stage, phases.c.number != slot.number)
            answer = goes_on(list(connection.execute(others).scalars()))
            values = {"score": score, "goes_on": answer, "ended_at": now_s()}
            if earlier is not None:
                connection.execute(update(phases).where(*this).values(**values))
            else:
                key = {"sweep_id": self._sweep_id, "number": slot.number, "stage": stage}
                connection.execute(insert(phases).values(**key, **values))
            return answer

        return self._database.write(end)

    def finish(self, slot: Slot, state: SlotState, **outcome: Any) -> Slot:
        """End a trial.

        Args:
            slot: The trial's, as it was claimed.
            state: ``done``, ``pruned`` or ``failed``.
            outcome: ``score``, ``clean``, ``shifted``, ``detail`` and ``reason``.

        Returns:
            The slot as it is stored.

        Raises:
            SlotLostError: If another worker has taken the trial over; nothing is written.
        """
        this = (self._mine, slots.c.number == slot.number)

        def end(connection: Connection) -> Slot:
            written = connection.execute(
                update(slots)
                .where(self._held(slot))
                .values(state=state, ended_at=now_s(), device_s=_device_s(), **outcome)
            )
            found = Slot(**connection.execute(select(slots).where(*this)).one()._mapping)
            # Done already, if the database could not say so the first time.
            if written.rowcount == 0 and (found.attempt, found.state) != (slot.attempt, state):
                raise _lost(slot)
            return found

        return self._database.write(end)

    def mark_told(self, slot: Slot) -> None:
        """Note that Optuna knows how the trial ended."""
        where = (self._mine, slots.c.number == slot.number, slots.c.state.in_(FINISHED))
        change = update(slots).where(*where).values(told=True)
        self._database.write(lambda connection: connection.execute(change))

    def give_back(self, worker_id: str) -> None:
        """Free what a worker holds, to be run again under the same number; no loss is counted."""
        change = (
            update(slots)
            .where(self._mine, slots.c.state == "running", slots.c.worker_id == worker_id)
            .values(state="free", worker_id=None, device_s=_device_s())
        )
        self._database.write(lambda connection: connection.execute(change))

    def lose(self, dead: Sequence[WorkerRow], reason: str) -> int:
        """Free the trials of workers that died or crashed; one that was lost too often has failed.

        A trial that is freed so counts one attempt up: what its worker says later comes too late.

        Args:
            dead: The workers, as they were when they were judged: of one that has beaten since,
                nothing is taken.
            reason: What happened to them, for the trial that fails because of it.

        Returns:
            How many trials they held.
        """
        if not dead:
            return 0
        as_judged = [(workers.c.id == w.id) & (workers.c.beat == w.beat) for w in dead]
        still_dead = select(workers.c.id).where(or_(*as_judged))
        last = slots.c.losses + 1 >= MAX_LOSSES
        text = f"{reason} {MAX_LOSSES} times; out of memory is the usual cause: narrow the space"
        change = (
            update(slots)
            .where(self._mine, slots.c.state == "running", slots.c.worker_id.in_(still_dead))
            .values(
                state=case((last, "failed"), else_="free"),
                worker_id=case((last, slots.c.worker_id), else_=None),
                ended_at=case((last, now_s()), else_=None),
                reason=case((last, f"{text} to smaller backbones or batches."), else_=None),
                attempt=slots.c.attempt + 1,
                losses=slots.c.losses + 1,
                device_s=_lost_s(),
            )
        )
        return self._database.write(lambda connection: connection.execute(change).rowcount)

    def _write(self, slot: Slot, **values: Any) -> None:
        change = update(slots).where(self._held(slot)).values(**values)
        if self._database.write(lambda connection: connection.execute(change).rowcount) == 0:
            raise _lost(slot)

    def _lock_held(self, connection: Connection, slot: Slot) -> None:
        """Keep others from taking the slot until the transaction ends."""
        query = select(slots.c.number).where(self._held(slot)).with_for_update()
        if connection.scalar(query) is None:
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
        f"trial {slot.trial} was taken over by another worker (this was attempt {slot.attempt})"
    )


def _device_s() -> ColumnElement[float]:
    return slots.c.device_s + (now_s() - slots.c.claimed_at)


def _lost_s() -> ColumnElement[float]:
    # A worker that died was last seen some seconds before: closer than now, which may be tomorrow.
    seen = select(workers.c.seen_at).where(workers.c.id == slots.c.worker_id).scalar_subquery()
    return slots.c.device_s + func.coalesce(seen - slots.c.claimed_at, 0.0)
