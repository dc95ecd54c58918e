"""Which errors of a database pass by themselves, and which do not."""

import errno
from collections.abc import Iterator

from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from spaces.errors import DiskFullError
from spaces.files import FULL_DISK

STORAGE_ERRORS = (SQLAlchemyError, StorageInternalError)
# Classes and codes of https://www.postgresql.org/docs/current/errcodes-appendix.html: connection
# exceptions, insufficient resources, operator intervention; then serialisation, deadlock, a lock
# that was not free, and a server that is read-only for as long as a failover takes.
_PASSING_CLASSES = ("08", "53", "57")
_PASSING_CODES = ("40001", "40P01", "55P03", "25006")
_PASSING_OF_SQLITE = ("locked", "busy", "disk i/o error", "unable to open", "full", "readonly")


def is_passing(error: BaseException) -> bool:
    """Say whether a call may succeed if it is made again.

    Args:
        error: What a call into the storage raised, Optuna's wrapping of it included.
    """
    return any(_passes(cause) for cause in _causes(error))


def is_full_disk(error: BaseException) -> bool:
    """Say whether an error, or what caused it, is that of a full disk."""
    return any(
        isinstance(cause, DiskFullError)
        or (isinstance(cause, OSError) and cause.errno in FULL_DISK)
        or (isinstance(cause, OperationalError) and "disk is full" in str(cause).lower())
        for cause in _causes(error)
    )


def _passes(error: BaseException) -> bool:
    if isinstance(error, PoolTimeoutError | InterfaceError):
        return True
    if not isinstance(error, DBAPIError):
        return isinstance(error, OSError) and error.errno in (errno.ECONNREFUSED, errno.ETIMEDOUT)
    if error.connection_invalidated:
        return True
    sqlstate = getattr(error.orig, "sqlstate", None)
    if sqlstate:
        return sqlstate.startswith(_PASSING_CLASSES) or sqlstate in _PASSING_CODES
    if type(error.orig).__module__.startswith("sqlite3"):
        text = str(error.orig).lower()
        return any(word in text for word in _PASSING_OF_SQLITE)
    return isinstance(error, OperationalError)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(10):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__
