"""The states from which phases can be gone on with, and the heads that phases have left."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from search.storage.database import Database
from search.storage.fence import held, lock_held, this_slot
from search.storage.records import CheckpointRow, Slot
from search.storage.tables import checkpoints, slots

FINISHED_HEADS = "finished heads"
"""The part that stays when its phase has ended: fine-tuning begins with it, on any machine."""
_FIELDS = [checkpoints.c[name] for name in CheckpointRow.__dataclass_fields__]


class StoredCheckpoints:
    """The checkpoints of one sweep: only what has a row here is one.

    Args:
        database: Where the tables live.
        sweep_id: The sweep.
    """

    def __init__(self, database: Database, sweep_id: str) -> None:
        self._database = database
        self._sweep_id = sweep_id

    @property
    def failures(self) -> int:
        """How many calls into the storage have failed so far."""
        return self._database.retrying.failures

    def impatient(self) -> AbstractContextManager[None]:
        """Let calls fail at once in this block; see :meth:`search.storage.storage.Storage`."""
        return self._database.retrying.impatient()

    def of(self, slot: Slot) -> Sequence[CheckpointRow]:
        """Read all parts of a phase's state."""
        return self._read(_of(slot) & (checkpoints.c.part != FINISHED_HEADS))

    def heads_of(self, slot: Slot) -> CheckpointRow | None:
        """Read the heads that a phase has left; None if they were not kept."""
        found = self._read(_of(slot) & (checkpoints.c.part == FINISHED_HEADS))
        return found[0] if found else None

    def blob_names(self) -> Collection[str]:
        """Name the files that rows lie in outside of the storage: ``NUMBER-PHASE/NAME``."""
        columns = (checkpoints.c.number, checkpoints.c.phase, checkpoints.c.uri)
        mine = (checkpoints.c.sweep_id == self._sweep_id) & checkpoints.c.uri.is_not(None)
        rows = self._database.read(
            lambda connection: connection.execute(select(*columns).where(mine)).all()
        )
        return {f"{number}-{phase}/{uri.rpartition('/')[2]}" for number, phase, uri in rows}

    def save(self, slot: Slot, rows: Sequence[CheckpointRow]) -> None:
        """Take parts in the place of what there was of the same names, all or none.

        Raises:
            SlotLostError: If another worker has taken the trial over; nothing is written.
        """
        names = [row.part for row in rows]
        key = {"sweep_id": slot.sweep_id, "number": slot.number, "phase": slot.phase}

        def write(connection: Connection) -> None:
            lock_held(connection, slot)
            before = _of(slot) & checkpoints.c.part.in_(names)
            connection.execute(delete(checkpoints).where(before))
            values = [{**key, "attempt": slot.attempt, **vars(row)} for row in rows]
            connection.execute(insert(checkpoints), values)
            connection.execute(update(slots).where(held(slot)).values(in_vain=0))

        self._database.write(write)

    def forget(self, slot: Slot) -> None:
        """Drop the state of a phase that nobody runs; nothing happens if somebody has taken it."""
        resting = this_slot(slot.sweep_id, slot.number, slot.phase) & (slots.c.state != "running")
        query = select(slots.c.number).where(resting, slots.c.attempt == slot.attempt)

        def drop(connection: Connection) -> None:
            if connection.scalar(query.with_for_update()) is not None:
                drop_states(connection, slot)

        self._database.write(drop)

    def keep_heads_of(self, numbers: Collection[int]) -> None:
        """Drop the finished heads of all other slots: they are trained again if need be."""
        others = (checkpoints.c.part == FINISHED_HEADS) & checkpoints.c.number.not_in(numbers)
        change = delete(checkpoints).where(checkpoints.c.sweep_id == self._sweep_id, others)
        self._database.write(lambda connection: connection.execute(change))

    def _read(self, where: ColumnElement[bool]) -> Sequence[CheckpointRow]:
        query = select(*_FIELDS).where(where)
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return [CheckpointRow(**row._mapping) for row in rows]


def drop_states(connection: Connection, slot: Slot) -> None:
    """Drop the state of a phase that has ended; the heads that it left stay."""
    states = _of(slot) & (checkpoints.c.part != FINISHED_HEADS)
    connection.execute(delete(checkpoints).where(states))


def _of(slot: Slot) -> ColumnElement[bool]:
    mine = checkpoints.c.sweep_id == slot.sweep_id
    return mine & (checkpoints.c.number == slot.number) & (checkpoints.c.phase == slot.phase)
