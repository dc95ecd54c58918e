"""The book of promotions: every look at a holdout is entered before it is taken."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    Integer,
    LargeBinary,
    RowMapping,
    String,
    Table,
    Text,
    insert,
    select,
    update,
)

from search.ledger.storage import Storage
from search.ledger.tables import metadata

ContentIds = npt.NDArray[np.uint64]

promotions = Table(
    "foldsweep_promotions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("sweep_id", String(36), nullable=False, index=True),
    Column("trial_number", Integer, nullable=False),
    Column("content_ids", LargeBinary, nullable=False),  # little-endian uint64, ascending
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
    n_images: int
    """How many contents were looked at."""
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
        self,
        sweep_id: str,
        trial: int,
        content_ids: ContentIds,
        *,
        model: str,
        alias: str,
        run_id: str,
    ) -> int:
        """Enter a look that is about to be taken at some images, and give it its id."""
        values: dict[str, Any] = {"sweep_id": sweep_id, "trial_number": trial}
        values |= {"model": model, "alias": alias, "run_id": run_id}
        values |= {"content_ids": _to_bytes(content_ids)}
        with self._storage.writing() as connection:
            entry = insert(promotions).values(**values, looked_at=time.time())
            return int(connection.execute(entry.returning(promotions.c.id)).scalar_one())

    def note(self, look_id: int, **values: Any) -> None:
        """Complete a row: ``passed``, ``reason``, ``scores``, ``version``, ``aliased_at`` ..."""
        with self._storage.writing() as connection:
            connection.execute(
                update(promotions).where(promotions.c.id == look_id).values(**values)
            )

    def count(self, content_ids: ContentIds) -> int:
        """Count the looks, of any sweep, that saw at least one of some images.

        Args:
            content_ids: Of the images, and of all that tell about them: their groups.
        """
        with self._storage.reading() as connection:
            seen = connection.execute(select(promotions.c.content_ids)).scalars()
            return sum(bool(np.isin(_from_bytes(ids), content_ids).any()) for ids in seen)

    def all(self) -> Sequence[Look]:
        """Read every row, the oldest first."""
        with self._storage.reading() as connection:
            rows = connection.execute(select(promotions).order_by(promotions.c.id)).mappings()
            return [_look(row) for row in rows]


def _look(row: RowMapping) -> Look:
    values = dict(row)
    return Look(n_images=len(_from_bytes(values.pop("content_ids"))), **values)


def _to_bytes(content_ids: ContentIds) -> bytes:
    return np.unique(content_ids).astype("<u8").tobytes()


def _from_bytes(content: bytes) -> ContentIds:
    return np.frombuffer(content, dtype="<u8").astype(np.uint64)
