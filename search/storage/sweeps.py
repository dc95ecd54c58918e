"""Which sweeps there are, and their budgets to the trial."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from search.storage import tables
from search.storage.columns import now_s
from search.storage.database import Database
from search.storage.records import Budget, SweepRow

TOMBSTONE = "deleted "
"""With its id the name of a deleted sweep that looked at a holdout; no sweep file has a space."""
_sweeps = tables.sweeps.c
_slots = tables.slots.c
_CHANGING = (*Budget.__dataclass_fields__, "stop", "resumed_at")


class Sweeps:
    """The sweeps of one storage.

    Args:
        database: Where the tables live.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, name: str) -> SweepRow | None:
        """Find a sweep by its name."""
        if name.startswith(TOMBSTONE):
            return None
        query = select(tables.sweeps).where(_sweeps.name == name)
        row = self._database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else SweepRow(**row._mapping)

    def refreshed(self, row: SweepRow) -> SweepRow | None:
        """Read again what changes while a sweep runs: budget, stop, times; None if it is gone.

        File, folds and versions stay as they were read: they are large, and this is asked often.

        Args:
            row: As it was.
        """
        query = select(*[_sweeps[name] for name in _CHANGING]).where(_sweeps.id == row.id)
        found = self._database.read(lambda connection: connection.execute(query).one_or_none())
        return None if found is None else replace(row, **found._mapping)

    def names(self) -> Sequence[str]:
        """Name all sweeps, the newest first."""
        there = _sweeps.name.not_like(f"{TOMBSTONE}%")
        query = select(_sweeps.name).where(there).order_by(_sweeps.created_at.desc())
        return self._database.read(lambda connection: connection.execute(query).scalars().all())

    def budget(self, sweep_id: str) -> Budget:
        """Read the present budget: whoever raises it reaches workers that run."""
        return self._database.read(lambda connection: _budget(connection, sweep_id))

    def stop_level(self, sweep_id: str) -> int:
        """Read whether workers are asked to stop: 0 not, 1 in good order, 2 at once."""
        query = select(_sweeps.stop).where(_sweeps.id == sweep_id)
        return self._database.read(lambda connection: connection.scalar(query)) or 0

    def ask_to_stop(self, sweep_id: str, level: int) -> None:
        """Ask all workers of a sweep to stop, those of other machines too, or ask them no more.

        Args:
            sweep_id: The sweep.
            level: As :meth:`stop_level` gives it.
        """
        change = update(tables.sweeps).where(_sweeps.id == sweep_id).values(stop=level)
        self._database.write(lambda connection: connection.execute(change))

    def create(
        self,
        name: str,
        file: str,
        *,
        fingerprint: str,
        fold_hash: str,
        splits: bytes,
        versions: Mapping[str, str],
        budget: Budget,
    ) -> SweepRow:
        """Enter a sweep with all its slots, or give the one that another process has entered.

        Args:
            name: The sweep's.
            file: The sweep file as it is stored.
            fingerprint: Of the data.
            fold_hash: Of folds, groups and holdout.
            splits: These themselves, see :func:`objectives.splits.splits_to_bytes`.
            versions: Of the libraries and the scoring rules that scores depend on.
            budget: One slot a trial.
        """
        values = {"id": str(uuid.uuid4()), "name": name, "file": file}
        values |= {"fingerprint": fingerprint, "fold_hash": fold_hash}

        def enter(connection: Connection) -> None:
            connection.execute(
                insert(tables.sweeps).values(
                    **values,
                    splits=splits,
                    versions=dict(versions),
                    **vars(budget),
                    created_at=now_s(),
                    resumed_at=now_s(),
                )
            )
            _add_slots(connection, values["id"], 0, budget.trials)

        try:
            self._database.write(enter)
        except IntegrityError:
            # Another process was first, or this one and did not hear of it.
            if self.find(name) is None:
                raise
        found = self.find(name)
        assert found is not None, f"the sweep {name} went away while it was made"
        return found

    def resume(
        self,
        sweep_id: str,
        file: str,
        *,
        versions: Mapping[str, str],
        limits: Mapping[str, float | None],
    ) -> None:
        """Note that a sweep goes on, after whatever stopped it, with another budget perhaps.

        Args:
            sweep_id: The sweep.
            file: Takes the place of the stored file.
            versions: Take the place of the stored ones.
            limits: See :meth:`change_budget`.
        """
        values = {"file": file, "versions": dict(versions), "resumed_at": now_s(), "stop": 0}

        def note(connection: Connection) -> None:
            connection.execute(update(tables.sweeps).where(_sweeps.id == sweep_id).values(**values))
            _change_budget(connection, sweep_id, limits)

        self._database.write(note)

    def change_budget(self, sweep_id: str, limits: Mapping[str, float | None]) -> Budget:
        """Add the slots of a raised budget, or take away free ones of a lowered one.

        Trials that were run or are running stay, so a sweep may keep more than a lowered budget.

        Args:
            sweep_id: The sweep.
            limits: By their names in Budget. The others stay, whoever changes them meanwhile.

        Returns:
            The budget after the change.
        """
        return self._database.write(lambda connection: _change_budget(connection, sweep_id, limits))

    def delete(self, sweep_id: str) -> None:
        """Delete all rows of a sweep in one transaction; again is harmless.

        Looks at a holdout stay, because they say how often its images were looked at, whatever the
        sweep. They refer to the sweep's row: of a sweep with looks that stays, without content and
        under a name that is none.
        """
        epochs, checkpoints = tables.epochs, tables.checkpoints
        whole = {"name": TOMBSTONE + sweep_id, "file": "", "splits": b"", "versions": {}}

        def take_away(connection: Connection) -> None:
            # Whoever joins at the same time waits here.
            connection.execute(select(_sweeps.id).where(_sweeps.id == sweep_id).with_for_update())
            for table in (epochs, checkpoints, tables.slots, tables.workers):
                connection.execute(delete(table).where(table.c.sweep_id == sweep_id))
            looks = select(tables.promotions.c.id).where(tables.promotions.c.sweep_id == sweep_id)
            this = _sweeps.id == sweep_id
            if connection.execute(looks.limit(1)).scalar() is None:
                connection.execute(delete(tables.sweeps).where(this))
            else:
                connection.execute(update(tables.sweeps).where(this).values(**whole))

        self._database.write(take_away)


def _change_budget(
    connection: Connection, sweep_id: str, limits: Mapping[str, float | None]
) -> Budget:
    mine = (_slots.sweep_id == sweep_id) & (_slots.phase == "head")
    # Whoever changes the same budget at the same time waits here.
    connection.execute(select(_sweeps.id).where(_sweeps.id == sweep_id).with_for_update())
    if limits:
        connection.execute(update(tables.sweeps).where(_sweeps.id == sweep_id).values(**limits))
    budget = _budget(connection, sweep_id)
    last = connection.execute(select(func.max(_slots.number)).where(mine)).scalar()
    count = connection.execute(select(func.count()).where(mine)).scalar() or 0
    _add_slots(connection, sweep_id, (-1 if last is None else last) + 1, budget.trials - count)
    # A freed slot that has a trial is a promise to go on with it: untouched ones go.
    spare = (
        select(_slots.number)
        .where(mine, _slots.state == "free", _slots.trial.is_(None))
        .order_by(_slots.number.desc())
        .limit(max(0, count - budget.trials))
    )
    connection.execute(delete(tables.slots).where(mine, _slots.number.in_(spare.scalar_subquery())))
    return budget


def _budget(connection: Connection, sweep_id: str) -> Budget:
    limits = [_sweeps[name] for name in Budget.__dataclass_fields__]
    query = select(*limits).where(_sweeps.id == sweep_id)
    return Budget(**connection.execute(query).one()._mapping)


def _add_slots(connection: Connection, sweep_id: str, first: int, count: int) -> None:
    rows = [{"sweep_id": sweep_id, "number": first + index} for index in range(count)]
    if rows:
        connection.execute(insert(tables.slots), rows)
