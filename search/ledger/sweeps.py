"""The ledger: which sweeps there are, and their budgets to the trial."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select

from search.ledger import tables
from search.ledger.storage import Storage


@dataclass(frozen=True)
class SweepRow:
    """A sweep as the ledger knows it."""

    id: str
    name: str
    file: str
    """The sweep file with every default filled in."""
    fingerprint: str
    fold_hash: str
    created_at: float


class Ledger:
    """The sweeps of one storage.

    Args:
        storage: Where the tables live.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def sweep(self, name: str) -> SweepRow | None:
        """Find a sweep by its name."""
        query = select(tables.sweeps).where(tables.sweeps.c.name == name)
        with self._storage.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else SweepRow(**row._mapping)

    def sweep_names(self) -> Sequence[str]:
        """Name all sweeps, the newest first."""
        query = select(tables.sweeps.c.name).order_by(tables.sweeps.c.created_at.desc())
        with self._storage.reading() as connection:
            return connection.execute(query).scalars().all()

    def create_sweep(
        self, name: str, file: str, *, fingerprint: str, fold_hash: str, trials: int
    ) -> SweepRow:
        """Enter a sweep with all its slots.

        Args:
            name: Not taken yet.
            file: The sweep file as it is stored.
            fingerprint: Of the data.
            fold_hash: Of folds and holdout.
            trials: The budget.
        """
        row = SweepRow(str(uuid.uuid4()), name, file, fingerprint, fold_hash, time.time())
        with self._storage.writing() as connection:
            connection.execute(insert(tables.sweeps).values(**vars(row)))
            _add_slots(connection, row.id, 0, trials)
        return row

    def change_budget(self, sweep_id: str, file: str, *, trials: int) -> None:
        """Add the slots of a raised budget, or take away free ones of a lowered one.

        Args:
            sweep_id: The sweep.
            file: The sweep file that says so, to be stored in the place of the old one.
            trials: The new budget. Trials that were run or are running stay, so the sweep may
                keep more than that.
        """
        slots = tables.slots.c
        mine = slots.sweep_id == sweep_id
        with self._storage.writing() as connection:
            connection.execute(
                tables.sweeps.update().where(tables.sweeps.c.id == sweep_id).values(file=file)
            )
            last = connection.execute(select(func.max(slots.number)).where(mine)).scalar()
            count = connection.execute(select(func.count()).where(mine)).scalar() or 0
            _add_slots(connection, sweep_id, (-1 if last is None else last) + 1, trials - count)
            # A freed slot that has a trial is a promise to go on with it: untouched ones go.
            spare = (
                select(slots.number)
                .where(mine, slots.state == "free", slots.trial_number.is_(None))
                .order_by(slots.number.desc())
                .limit(max(0, count - trials))
            )
            connection.execute(
                delete(tables.slots).where(mine, slots.number.in_(spare.scalar_subquery()))
            )


def _add_slots(connection: Connection, sweep_id: str, first: int, count: int) -> None:
    rows = [{"sweep_id": sweep_id, "number": first + index} for index in range(count)]
    if rows:
        connection.execute(insert(tables.slots), rows)
