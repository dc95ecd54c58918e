"""The slots of a sweep: one for each phase of a trial, claimed by one worker at a time."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from objectives.records import Phase
from search.storage.checkpoints import drop_states
from search.storage.columns import now_s
from search.storage.database import Database
from search.storage.fence import held, lock_held, lost, this_slot
from search.storage.records import (
    FINISHED,
    EpochRow,
    Slot,
    SlotState,
    Standing,
    WorkerRow,
)
from search.storage.standing import read_standing
from search.storage.tables import epochs, slots, sweeps, workers

MAX_LOSSES = 3


class Slots:
    """The slots of one sweep. Every write of a worker carries its attempt, and a late one fails.

    A trial has a slot for each phase that it has begun, with a number that both share: what becomes
    of the second leaves the first as it is.

    Args:
        database: Where the tables live.
        sweep_id: The sweep.
    """

    def __init__(self, database: Database, sweep_id: str) -> None:
        self._database = database
        self._sweep_id = sweep_id
        self._mine = slots.c.sweep_id == sweep_id

    def all(self) -> Sequence[Slot]:
        """Read every slot, in the order of their numbers, heads before their fine-tuning."""
        order = (slots.c.number, slots.c.phase.desc())
        query = select(slots).where(self._mine).order_by(*order)
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return [Slot(**row._mapping) for row in rows]

    def one(self, number: int, phase: Phase = "head") -> Slot:
        """Read a slot that is known to exist."""
        query = select(slots).where(self._of(number, phase))
        row = self._database.read(lambda connection: connection.execute(query).one())
        return Slot(**row._mapping)

    def counts(self, phase: Phase = "head") -> Mapping[str, int]:
        """Count the slots of a phase by state."""
        standing = self.standing()
        return standing.heads if phase == "head" else standing.finetunings

    def standing(self) -> Standing:
        """Read how far the trials are."""
        return self._database.read(lambda connection: read_standing(connection, self._sweep_id))

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

    def best_score(self) -> float | None:
        """Read the highest score of those that are done, of both phases; None if none is."""
        query = select(func.max(slots.c.score)).where(self._mine, slots.c.state == "done")
        best: float | None = self._database.read(lambda connection: connection.scalar(query))
        return best

    def place_of(self, score: float) -> tuple[int, int]:
        """Count how many trials are better than a score, and how many are done at all.

        A trial counts once, by the better one of its phases.
        """
        done = (self._mine, slots.c.state == "done")
        trials = func.count(slots.c.number.distinct())
        better = select(trials).where(*done, slots.c.score > score)
        ended = select(trials).where(*done, slots.c.phase == "head")

        def count(connection: Connection) -> tuple[int, int]:
            return int(connection.scalar(better) or 0), int(connection.scalar(ended) or 0)

        return self._database.read(count)

    def holders(self) -> Collection[str]:
        """Name the workers that hold a slot."""
        running = (self._mine, slots.c.state == "running")
        query = select(slots.c.worker_id).where(*running)
        found = self._database.read(lambda connection: connection.execute(query).scalars().all())
        return {worker_id for worker_id in found if worker_id is not None}

    def epochs(self, number: int) -> Sequence[EpochRow]:
        """Read every epoch of one trial, in the order in which they were recorded."""
        query = (
            select(epochs)
            .where(epochs.c.sweep_id == self._sweep_id, epochs.c.number == number)
            # Within a millisecond: folds that ran alone came before they ran together.
            .order_by(epochs.c.recorded_ms, func.length(epochs.c.folds), epochs.c.step)
        )
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return [EpochRow(**row._mapping) for row in rows]

    def claim(self, worker_id: str) -> Slot | None:
        """Take a head that waits, one that was begun before others; None if there is none.

        A worker holds one slot at a time: if it holds one already, it is given that.
        """

        def take(connection: Connection) -> Slot | None:
            return self._held_by(connection, worker_id) or self._take(connection, worker_id, "head")

        return self._database.write(take)

    def claim_finetuning(
        self,
        worker_id: str,
        pick: Callable[[Mapping[int, float], Collection[int]], int | None],
    ) -> Slot | None:
        """Take a fine-tuning that waits, or begin one; None if there is none.

        Args:
            worker_id: As for :meth:`claim`.
            pick: Names the slot to begin with, of the scores of those that may be and of those that
                were; nobody else picks at the same time.
        """

        def take(connection: Connection) -> Slot | None:
            # Whoever begins one at the same time waits here.
            lock = select(sweeps.c.id).where(sweeps.c.id == self._sweep_id).with_for_update()
            connection.execute(lock)
            waiting = self._held_by(connection, worker_id) or self._take(
                connection, worker_id, "finetune"
            )
            if waiting is not None:
                return waiting
            standing = read_standing(connection, self._sweep_id)
            number = pick(standing.worthy, standing.begun)
            if number is None:
                return None
            self._enter_finetuning(connection, number)
            return self._take(connection, worker_id, "finetune")

        return self._database.write(take)

    def _held_by(self, connection: Connection, worker_id: str) -> Slot | None:
        running = (self._mine, slots.c.state == "running", slots.c.worker_id == worker_id)
        row = connection.execute(select(slots).where(*running)).one_or_none()
        return None if row is None else Slot(**row._mapping)

    def _take(self, connection: Connection, worker_id: str, phase: Phase) -> Slot | None:
        free = (
            select(slots.c.number)
            .where(self._mine, slots.c.phase == phase, slots.c.state == "free")
            # False comes before True: a trial that was lost or given back goes first.
            .order_by(slots.c.trial.is_(None), slots.c.number)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        number = connection.execute(free).scalar()
        if number is None:
            return None
        this = self._of(number, phase)
        connection.execute(
            update(slots)
            .where(this)
            .values(
                state="running",
                worker_id=worker_id,
                attempt=slots.c.attempt + 1,
                began_at=func.coalesce(slots.c.began_at, now_s()),
                claimed_at=now_s(),
                ended_at=None,
            )
        )
        return Slot(**connection.execute(select(slots).where(this)).one()._mapping)

    def _enter_finetuning(self, connection: Connection, number: int) -> None:
        kept = (slots.c.trial, slots.c.run_id, slots.c.began_at)
        head = connection.execute(select(*kept).where(self._of(number, "head"))).one()
        key = {"sweep_id": self._sweep_id, "number": number, "phase": "finetune"}
        connection.execute(insert(slots).values(**key, **head._mapping))

    def assign_trial(self, slot: Slot, trial: int) -> bool:
        """Bind a trial of the phase's study to the slot; False if another slot has it already.

        In the study of heads its number is the trial's own.
        """
        shown = {"trial": trial} if slot.phase == "head" else {}
        try:
            self._write(slot, study_trial=trial, **shown)
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
        this = self._of(slot.number, slot.phase) & (slots.c.attempt == slot.attempt)
        change = update(slots).where(this).values(spooled=state)
        self._database.write(lambda connection: connection.execute(change))

    def check_held(self, slot: Slot) -> None:
        """Raise SlotLostError if another worker has taken the slot over."""
        if not self.is_held(slot):
            raise lost(slot)

    def is_held(self, slot: Slot) -> bool:
        """Say whether the slot still is this attempt's."""
        query = select(slots.c.number).where(held(slot))
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
            step: Where the epoch stands on the charts.
            scores: By fold.
            mean: Over the folds.

        Returns:
            The epoch as it is stored, and whether it is new: one that an earlier attempt recorded
            stays as it was.

        Raises:
            SlotLostError: If another worker has taken the trial over; nothing is written.
        """
        key = {
            "sweep_id": self._sweep_id,
            "number": slot.number,
            "phase": slot.phase,
            "stage": stage,
            "epoch": epoch,
            "folds": ",".join(str(fold) for fold in sorted(scores)),
        }
        this = [epochs.c[name] == value for name, value in key.items()]

        def record(connection: Connection) -> tuple[EpochRow, bool]:
            now_ms = int(1000 * lock_held(connection, slot))
            row = connection.execute(select(epochs).where(*this)).one_or_none()
            if row is not None:
                found = EpochRow(**row._mapping)
                return found, False
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

    def finish(self, slot: Slot, state: SlotState, **outcome: Any) -> Slot:
        """End a phase of a trial.

        Args:
            slot: The phase's, as it was claimed.
            state: ``done``, ``pruned`` or ``failed``.
            outcome: ``score``, ``clean``, ``shifted``, ``detail``, ``goes_on`` and ``reason``.

        Returns:
            The slot as it is stored.

        Raises:
            SlotLostError: If another worker has taken the trial over; nothing is written.
        """
        this = self._of(slot.number, slot.phase)

        def end(connection: Connection) -> Slot:
            written = connection.execute(
                update(slots)
                .where(held(slot))
                .values(state=state, ended_at=now_s(), device_s=_device_s(), **outcome)
            )
            found = Slot(**connection.execute(select(slots).where(this)).one()._mapping)
            # Done already, if the database could not say so the first time.
            if written.rowcount == 0 and (found.attempt, found.state) != (slot.attempt, state):
                raise lost(slot)
            drop_states(connection, slot)
            return found

        return self._database.write(end)

    def mark_told(self, slot: Slot) -> None:
        """Note that Optuna knows how the phase ended."""
        this = self._of(slot.number, slot.phase) & slots.c.state.in_(FINISHED)
        change = update(slots).where(this).values(told=True)
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

        Only losses without a state that was kept in between count for that. A trial that is freed
        so counts one attempt up: what its worker says later comes too late.

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
        last = slots.c.in_vain + 1 >= MAX_LOSSES
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
                in_vain=slots.c.in_vain + 1,
                device_s=_lost_s(),
            )
        )
        return self._database.write(lambda connection: connection.execute(change).rowcount)

    def _write(self, slot: Slot, **values: Any) -> None:
        change = update(slots).where(held(slot)).values(**values)
        if self._database.write(lambda connection: connection.execute(change).rowcount) == 0:
            raise lost(slot)

    def _of(self, number: int, phase: Phase) -> ColumnElement[bool]:
        return this_slot(self._sweep_id, number, phase)


def _device_s() -> ColumnElement[float]:
    return slots.c.device_s + (now_s() - slots.c.claimed_at)


def _lost_s() -> ColumnElement[float]:
    # A worker that died was last seen some seconds before: closer than now, which may be tomorrow.
    seen = select(workers.c.seen_at).where(workers.c.id == slots.c.worker_id).scalar_subquery()
    return slots.c.device_s + func.coalesce(seen - slots.c.claimed_at, 0.0)
