"""The book of promotions: every look at a holdout is entered before it is taken."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import insert, select, update

from search.storage.columns import now_s
from search.storage.database import Database
from search.storage.tables import promotions

ContentIds = npt.NDArray[np.uint64]
_STORED = np.dtype("<u8")


@dataclass(frozen=True)
class Look:
    """One row of the book. Times are in seconds since 1970, by the storage's clock."""

    id: str
    sweep_id: str
    trial: int
    content_ids: bytes
    model: str
    alias: str
    run_id: str | None
    looked_at: float
    passed: bool | None
    """None if the process ended before the gate answered."""
    forced: bool
    reason: str | None
    scores: dict[str, Any] | None
    version: int | None
    aliased_at: float | None

    @property
    def ids(self) -> ContentIds:
        """The images that were looked at."""
        return np.frombuffer(self.content_ids, _STORED).astype(np.uint64)


class Promotions:
    """All promotions of one storage, whatever their sweep.

    Args:
        database: Where the table lives.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def look(
        self,
        sweep_id: str,
        trial: int,
        content_ids: ContentIds,
        *,
        model: str,
        alias: str,
        run_id: str,
    ) -> str:
        """Enter a look that is about to be taken, and give it its id.

        Args:
            sweep_id: The sweep.
            trial: The number of the trial that is promoted.
            content_ids: Of the images that are looked at, one number of 64 bits each.
            model: Name of the registered model.
            alias: What is to be moved.
            run_id: MLflow's run of the promotion.
        """
        look_id = str(uuid.uuid4())
        values = {"sweep_id": sweep_id, "trial": trial, "model": model, "alias": alias}
        ids = np.unique(content_ids).astype(_STORED).tobytes()

        def enter(connection: Any) -> None:
            known = select(promotions.c.id).where(promotions.c.id == look_id)
            if connection.scalar(known) is None:
                connection.execute(
                    insert(promotions).values(
                        **values, id=look_id, content_ids=ids, run_id=run_id, looked_at=now_s()
                    )
                )

        self._database.write(enter)
        return look_id

    def note(self, look_id: str, **values: Any) -> None:
        """Complete a row: ``passed``, ``reason``, ``scores``, ``version`` ..."""
        change = update(promotions).where(promotions.c.id == look_id).values(**values)
        self._database.write(lambda connection: connection.execute(change))

    def note_alias(self, look_id: str, version: int, alias: str) -> None:
        """Complete a row with the version that an alias now points to, and when it was moved."""
        self.note(look_id, version=version, alias=alias, aliased_at=now_s())

    def count(self, content_ids: ContentIds) -> int:
        """Count the looks, by any sweep, that saw at least one of some images.

        Args:
            content_ids: Of the images, and of all that tell about them: their groups.
        """
        return sum(bool(np.isin(look.ids, content_ids).any()) for look in self.all())

    def all(self) -> Sequence[Look]:
        """Read every row, the oldest first."""
        query = select(promotions).order_by(promotions.c.looked_at)
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return [Look(**row._mapping) for row in rows]
