"""The storage: the one interface to what a search remembers, on SQLite or PostgreSQL."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from search.network_disks import refuse_network_disk
from search.storage.checkpoints import StoredCheckpoints
from search.storage.database import Database
from search.storage.promotions import Promotions
from search.storage.schema import VERSION, ensure_schema, stored_version
from search.storage.slots import Slots
from search.storage.sweeps import Sweeps
from search.storage.workers import Workers
from search.storage_url import parse_storage_url
from spaces.errors import InputError, UnavailableError
from spaces.redact import redact

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

T = TypeVar("T")


class Storage:
    """An open storage: sweeps, slots, checkpoints, workers, promotions, Optuna's studies.

    Every call is made again while the database does not answer, for minutes; then it raises
    UnavailableError. All times are by the database's clock.

    Args:
        database: With the tables of this version.
        optuna: The storage of studies in the same database.
    """

    def __init__(self, database: Database, optuna: "BaseStorage") -> None:
        self._database = database
        self.optuna = optuna
        self.sweeps = Sweeps(database)
        self.promotions = Promotions(database)

    @property
    def url(self) -> URL:
        """Where it is; hides the password when it is written as text."""
        return self._database.url

    @property
    def failures(self) -> int:
        """How many calls have failed so far: after one, whoever watches others starts anew."""
        return self._database.retrying.failures

    def slots(self, sweep_id: str) -> Slots:
        """Give the slots of a sweep."""
        return Slots(self._database, sweep_id)

    def checkpoints(self, sweep_id: str) -> StoredCheckpoints:
        """Give the checkpoints of a sweep."""
        return StoredCheckpoints(self._database, sweep_id)

    def workers(self, sweep_id: str) -> Workers:
        """Give the workers of a sweep."""
        return Workers(self._database, sweep_id)

    def retrying(self, call: Callable[[], T]) -> T:
        """Make several calls as one: it fails, and is made again, as a whole."""
        return self._database.retrying(call)

    def impatient(self) -> AbstractContextManager[None]:
        """Let calls fail at once in this block, with the database's own errors."""
        return self._database.retrying.impatient()

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        """Hold a lock of all processes that use this storage; for moments, not for minutes."""
        return self._database.exclusive(name)

    def close(self) -> None:
        """Close all connections."""
        self.optuna.remove_session()
        self._database.dispose()


def storage_exists(url: str) -> bool:
    """Say whether a storage can be asked: a server can, a SQLite file if it is there.

    Raises:
        InputError: If the URL is none, or names another kind of database.
    """
    database = parse_storage_url(url)
    if database.get_backend_name() != "sqlite":
        return True
    return Path(str(database.database)).exists()


def schema_versions(url: str) -> tuple[str | None, str]:
    """Read the version of a storage's tables, changing nothing, and that of this foldsweep.

    Raises:
        InputError: If the URL names another kind of database or is no URL.
        UnavailableError: If the database does not answer; without the password.
    """
    database = Database(parse_storage_url(url))
    try:
        with database.retrying.impatient():
            return database.read(stored_version), VERSION
    except (DBAPIError, OSError) as error:
        raise _unavailable(url, error) from None
    finally:
        database.dispose()


def open_storage(url: str) -> Storage:
    """Open a storage, make its tables if they are not there, and see that it answers.

    Args:
        url: ``sqlite:///PATH`` or ``postgresql://USER:PASSWORD@HOST/NAME``.

    Raises:
        InputError: If the URL names another kind of database or is no URL, if a SQLite file lies on
            a network file system, or if the tables are those of another foldsweep.
        UnavailableError: If the database does not answer; without the password.
    """
    from search.study.optuna_storage import open_optuna_storage

    database = Database(parse_storage_url(url))
    if database.is_sqlite:
        refuse_network_disk(database.path)
        _make_folder(database)
    try:
        with database.retrying.impatient():
            ensure_schema(database)
            return Storage(database, open_optuna_storage(database))
    except (DBAPIError, OSError) as error:
        database.dispose()
        if "not a database" in str(error):
            raise InputError(f"{database.path} is not a database; move it away.") from None
        raise _unavailable(url, error) from None


def _make_folder(database: Database) -> None:
    folder = database.path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnavailableError(f"the folder {folder} cannot be made: {error.strerror}.") from error


def _unavailable(url: str, error: Exception) -> UnavailableError:
    reason = redact(" ".join(str(getattr(error, "orig", None) or error).split()).rstrip("."), url)
    return UnavailableError(
        f"the storage {redact(url)} does not answer: {reason}. Start it, or change "
        "FOLDSWEEP_STORAGE_URL."
    )
