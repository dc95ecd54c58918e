"""The database of study and ledger: SQLite on one machine, PostgreSQL for several."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from search.ledger.tables import metadata
from spaces.errors import InputError, UnavailableError
from spaces.redact import redact

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

SQLITE_BUSY_S = 60
CONNECT_TIMEOUT_S = 10
_DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}


@dataclass(frozen=True)
class Storage:
    """An open database. ``reading`` and ``writing`` are one pool with two kinds of transaction."""

    url: URL
    engine: Engine
    optuna: "BaseStorage"

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file of this machine."""
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that changes nothing."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that may read, then write, without losing a race in between."""
        with self.engine.execution_options(foldsweep_writes=True).begin() as connection:
            yield connection

    @contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """Hold a lock of all processes that use this database, for things made once."""
        with _lock(self.url, self.engine, name):
            yield


def connect(url: str) -> Storage:
    """Open the database, make its tables if they are not there, and see that it answers.

    Args:
        url: ``sqlite:///PATH`` or ``postgresql://USER:PASSWORD@HOST/NAME``.

    Returns:
        The storage.

    Raises:
        InputError: If the URL names another kind of database, or is no URL.
        UnavailableError: If the database does not answer; without the password.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        _make_folder(parsed)
    engine = create_engine(parsed, **_engine_options(parsed))
    if parsed.get_backend_name() == "sqlite":
        _begin_explicitly(engine)
    try:
        with _lock(parsed, engine, "tables"):
            metadata.create_all(engine)
            return Storage(parsed, engine, _optuna_storage(parsed))
    except (SQLAlchemyError, OSError) as error:
        engine.dispose()
        if "not a database" in str(error):
            raise InputError(f"{parsed.database} is not a database; move it away.") from None
        raise _unavailable(url, error) from None


def _optuna_storage(url: URL) -> "BaseStorage":
    from optuna.exceptions import StorageInternalError
    from optuna.storages import RDBStorage, get_storage

    try:
        rendered = url.render_as_string(hide_password=False)
        storage = RDBStorage(rendered, engine_kwargs=_engine_options(url))
        if url.get_backend_name() == "sqlite":
            # Under WAL this survives the death of a process; a commit costs 4 ms, not 10.
            event.listen(storage.engine, "connect", _synchronise_normally)
            storage.engine.dispose()
        # get_storage adds the cache, without which every suggestion loads every trial.
        return get_storage(storage)
    except StorageInternalError as error:
        raise OSError(str(error.__cause__ or error)) from error


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise InputError(
            f"FOLDSWEEP_STORAGE_URL = {redact(url)!r} is not a database URL; write "
            "'sqlite:///PATH' or 'postgresql://USER:PASSWORD@HOST/NAME'."
        ) from None
    backend = parsed.drivername.partition("+")[0]
    if backend not in _DRIVERS or (
        backend == "sqlite" and parsed.database in (None, "", ":memory:")
    ):
        raise InputError(
            f"the storage {redact(url)!r} is not supported; known: 'sqlite:///PATH', "
            "'postgresql://USER:PASSWORD@HOST/NAME'."
        )
    if "@" in str(parsed.host):
        # Everything up to the last @ may be password, and the driver would print its second half.
        raise InputError(
            "FOLDSWEEP_STORAGE_URL has more than one '@': write the one in the password as %40."
        )
    return parsed.set(drivername=_DRIVERS[backend])


def _make_folder(url: URL) -> None:
    folder = Path(str(url.database)).expanduser().absolute().parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnavailableError(f"the folder {folder} cannot be made: {error.strerror}.") from error


def _engine_options(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": SQLITE_BUSY_S}}
    return {"connect_args": {"connect_timeout": CONNECT_TIMEOUT_S}, "pool_pre_ping": True}


def _begin_explicitly(engine: Engine) -> None:
    """Make SQLite take its write lock when a writing transaction begins.

    By default it takes the lock at the first write, where it fails at once if another process has
    written since the first read. Source: https://www.sqlite.org/lang_transaction.html.
    """

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        # WAL is a property of the file: set once, Optuna's connections have it too.
        connection.execute("PRAGMA journal_mode=WAL")
        _synchronise_normally(connection, _record)

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("foldsweep_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _synchronise_normally(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=NORMAL")


@contextmanager
def _lock(url: URL, engine: Engine, name: str) -> Iterator[None]:
    if url.get_backend_name() == "sqlite":
        path = Path(str(url.database)).expanduser().absolute()
        with FileLock(path.with_name(f"{path.name}.{name}.lock")):
            yield
        return
    key = int.from_bytes(sha256(name.encode()).digest()[:8], "big", signed=True)
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": key})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})


def _unavailable(url: str, error: Exception) -> UnavailableError:
    reason = redact(" ".join(str(getattr(error, "orig", None) or error).split()).rstrip("."), url)
    return UnavailableError(
        f"the storage {redact(url)} does not answer: {reason}. Start it, or change "
        "FOLDSWEEP_STORAGE_URL."
    )
