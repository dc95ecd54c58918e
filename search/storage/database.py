"""The database itself: SQLite on one machine, PostgreSQL for several."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL

from search.storage.postgresql import connecting
from search.storage.retrying import Retrying

SQLITE_BUSY_S = 20
LOCK_POLL_S = 0.05
T = TypeVar("T")


class Database:
    """One pool of connections, with calls that are made again when they fail.

    Args:
        url: From :func:`search.storage_url.parse_storage_url`.
    """

    def __init__(self, url: URL) -> None:
        self.url = url
        self.engine = create_engine(url, **engine_options(url))
        if self.is_sqlite:
            _begin_explicitly(self.engine)
        self.retrying = Retrying()

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file of this machine."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def path(self) -> Path:
        """The SQLite file; meaningless for a server."""
        return Path(str(self.url.database)).expanduser().absolute()

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run a transaction that changes nothing.

        Args:
            work: Asks the connection that it is given; may be called again.

        Raises:
            UnavailableError: If the database has not answered for minutes.
        """

        def attempt() -> T:
            with self.engine.begin() as connection:
                return work(connection)

        return self.retrying(attempt)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run a transaction that may read, then write, without losing a race in between.

        Args:
            work: Is called again if the call failed, even where the database has done it already
                and could not say so: doing it twice must be as good as once.

        Raises:
            UnavailableError: If the database has not answered for minutes.
        """

        def attempt() -> T:
            with self.engine.execution_options(foldsweep_writes=True).begin() as connection:
                return work(connection)

        return self.retrying(attempt)

    @contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """Hold a lock of all processes that use this database; for moments, not for minutes."""
        if self.is_sqlite:
            with FileLock(self.path.with_name(f".{self.path.name}.{name}.lock")):
                yield
            return
        key = int.from_bytes(sha256(name.encode()).digest()[:8], "big", signed=True)
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # Not the waiting lock: that would be cut short by the limits of a statement.
            while not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}):
                time.sleep(LOCK_POLL_S)
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})

    def dispose(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def engine_options(url: URL) -> Mapping[str, Any]:
    """Give what every connection is opened with, Optuna's too."""
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": SQLITE_BUSY_S}}
    return {"creator": connecting(url), "pool_pre_ping": True, "pool_timeout": 20}


def synchronise_normally(connection: Any, _record: Any) -> None:
    """Set SQLite's durability: under WAL a commit survives the death of a process."""
    connection.execute("PRAGMA synchronous=NORMAL")


def _begin_explicitly(engine: Engine) -> None:
    """Make SQLite take its write lock when a writing transaction begins.

    By default it takes the lock at the first write, where it fails at once if another process has
    written since the first read. Source: https://www.sqlite.org/lang_transaction.html.
    """

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        # WAL is a property of the file: set once, Optuna's connections have it too.
        connection.execute("PRAGMA journal_mode=WAL")
        synchronise_normally(connection, record)

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("foldsweep_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
