"""The book of promotions: every look at a holdout is entered before it is taken."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    Integer,
    String,
    Table,
    Text,
    func,
    insert,
    select,
    update,
)

from search.ledger.storage import Storage
from search.ledger.tables import metadata

promotions = Table(
    "foldsweep_promotions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("sweep_id", String(36), nullable=False, index=True),
    Column("trial_number", Integer, nullable=False),
    Column("holdout_hash", String(64), nullable=False, index=True),
    Column("model", String(256), nullable=False),
    Column("alias", String(256), nullable=False),
    Column("run_id", String(64)),
    Column("looked_at", Float, nullable=False),  # seconds since 1970
    Column("passed", Boolean),  # null: the process ended before the gate answered
    Column("forced", Boolean, nullable=False, default=False),
    Column("reason", Text),
    Column("scores", JSON),
    Column("version", Integer),
    Column("aliased_at", Float),
)


@dataclass(frozen=True)
class Look:
    """One row of the book. Times in seconds since 1970."""

    id: int
    sweep_id: str
    trial_number: int
    holdout_hash: str
    model: str
    alias: str
    run_id: str | None
    looked_at: float
    passed: bool | None
    forced: bool
    reason: str | None
    scores: dict[str, Any] | None
    version: int | None
    aliased_at: float | None


def hash_holdout(content_hashes: Sequence[str]) -> str:
    """Name a holdout by its contents: sweeps on the same data look at the same one."""
    return sha256("\n".join(sorted(content_hashes)).encode()).hexdigest()


class PromotionBook:
    """All promotions of one storage, whatever their sweep.

    Args:
        storage: Where the table lives; it is made if it is not there.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        with storage.exclusive("tables"):
            promotions.create(storage.engine, checkfirst=True)

    def look(
        self, sweep_id: str, trial: int, holdout_hash: str, *, model: str, alias: str, run_id: str
    ) -> int:
        """Enter a look that is about to be taken, and give it its id."""
        values = {"sweep_id": sweep_id, "trial_number": trial, "holdout_hash": holdout_hash}
        values |= {"model": model, "alias": alias, "run_id": run_id}
        with self._storage.writing() as connection:
            entry = insert(promotions).values(**values, looked_at=time.time())
            return int(connection.execute(entry.returning(promotions.c.id)).scalar_one())

    def note(self, look_id: int, **values: Any) -> None:
        """Complete a row: ``passed``, ``reason``, ``scores``, ``version``, ``aliased_at`` ..."""
        with self._storage.writing() as connection:
            connection.execute(
                update(promotions).where(promotions.c.id == look_id).values(**values)
            )

    def count(self, holdout_hash: str) -> int:
        """Count the looks that were taken at a holdout, by any sweep."""
        query = select(func.count()).where(promotions.c.holdout_hash == holdout_hash)
        with self._storage.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def all(self) -> Sequence[Look]:
        """Read every row, the oldest first."""
        with self._storage.reading() as connection:
            rows = connection.execute(select(promotions).order_by(promotions.c.id))
            return [Look(**row._mapping) for row in rows]
