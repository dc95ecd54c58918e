"""Which failures of a database are waited out, for how long, and what is said then."""

import sqlite3
from pathlib import Path

import psycopg
import pytest
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import InternalError, OperationalError, ProgrammingError

from search.storage.failures import is_full_disk, is_passing
from search.storage.retrying import Retrying
from search.storage.storage import Storage
from spaces.errors import DiskFullError, UnavailableError
from tests.search.small_sweep import claim, enter_sweep


def of_postgresql(code: str) -> OperationalError:
    """An error of a server; the names of the codes are those of PostgreSQL's appendix A."""
    return OperationalError("SELECT 1", {}, psycopg.errors.lookup(code)("of a test"))


def of_sqlite(text: str) -> OperationalError:
    return OperationalError("SELECT 1", {}, sqlite3.OperationalError(text))


@pytest.mark.parametrize(
    ("code", "passes"),
    [
        ("57P01", True),  # admin_shutdown
        ("57P03", True),  # cannot_connect_now
        ("57014", True),  # query_canceled, as by a limit of time
        ("53300", True),  # too_many_connections
        ("40001", True),  # serialization_failure
        ("40P01", True),  # deadlock_detected
        ("55P03", True),  # lock_not_available
        ("25006", True),  # read_only_sql_transaction
        ("08006", True),  # connection_failure
        ("28P01", False),  # invalid_password
        ("3D000", False),  # invalid_catalog_name
        ("42P01", False),  # undefined_table
        ("23505", False),  # unique_violation
    ],
)
def test_a_server_is_waited_for_where_waiting_helps(code: str, *, passes: bool) -> None:
    assert is_passing(of_postgresql(code)) is passes


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("database is locked", True),
        ("database or disk is full", True),
        ("attempt to write a readonly database", True),
        ("disk I/O error", True),
        ("no such table: foldsweep_sweeps", False),
        ("no such column: x", False),
    ],
)
def test_a_file_is_waited_for_where_waiting_helps(text: str, *, passes: bool) -> None:
    assert is_passing(of_sqlite(text)) is passes


def test_what_optuna_wraps_is_judged_by_what_it_wraps() -> None:
    def wrapped(cause: Exception) -> StorageInternalError:
        error = StorageInternalError("An exception is raised during the commit.")
        error.__cause__ = cause
        return error

    assert is_passing(wrapped(of_postgresql("57P01")))
    assert is_passing(wrapped(InternalError("x", {}, psycopg.errors.lookup("25006")("read-only"))))
    assert not is_passing(wrapped(ProgrammingError("x", {}, psycopg.errors.lookup("42P01")("no"))))


def test_a_connection_that_broke_is_waited_for() -> None:
    assert is_passing(OperationalError("x", {}, psycopg.OperationalError("server closed it")))


def test_a_full_disk_is_told_from_other_failures() -> None:
    assert is_full_disk(of_sqlite("database or disk is full"))
    assert is_full_disk(DiskFullError("full"))
    assert is_full_disk(OSError(28, "No space left on device"))
    assert not is_full_disk(of_sqlite("database is locked"))
    assert not is_full_disk(OSError(13, "Permission denied"))


def test_a_call_is_made_again_until_it_succeeds() -> None:
    left = [of_sqlite("database is locked"), of_postgresql("57P01")]

    def call() -> str:
        if left:
            raise left.pop()
        return "answered"

    retrying = Retrying()
    assert retrying(call) == "answered"
    assert retrying.failures == 2


def test_what_does_not_pass_is_raised_at_once() -> None:
    calls = []

    def call() -> None:
        calls.append(1)
        raise of_postgresql("42P01")

    with pytest.raises(OperationalError):
        Retrying()(call)
    assert len(calls) == 1


def test_when_patience_ends_the_reason_is_said_without_the_password() -> None:
    def call() -> None:
        said = "connection to postgresql://me:secret77@db/x failed"
        raise OperationalError("x", {}, psycopg.OperationalError(said))

    with pytest.raises(UnavailableError, match=r"has not answered .* nothing is lost") as caught:
        Retrying(patience_s=0.3)(call)
    assert "secret77" not in str(caught.value)


def test_who_is_impatient_hears_of_the_first_failure_and_it_counts(tmp_path: Path) -> None:
    retrying = Retrying()

    def call() -> None:
        raise of_sqlite("database is locked")

    with pytest.raises(OperationalError), retrying.impatient():
        retrying(call)
    assert retrying.failures == 1


def test_calls_that_are_made_twice_are_as_good_as_once(storage: Storage) -> None:
    """What a call did before its answer was lost does not hurt when it is made again."""
    row = enter_sweep(storage)
    assert enter_sweep(storage).id == row.id
    slots, workers = storage.slots(row.id), storage.workers(row.id)
    for _ in range(2):
        workers.join("w", "cpu", 0.0)
    assert len(workers.all()) == 1
    slot = claim(slots, "w")
    assert claim(slots, "w") == slot
    assert all(slots.assign_trial(slot, 0) for _ in range(2))
    rows = [
        slots.record_epoch(slot, "head", 0, step=0, scores={0: 0.5}, mean=0.5) for _ in range(2)
    ]
    assert rows[0][0] == rows[1][0]
    ended = [slots.finish(slot, "done", score=0.5) for _ in range(2)]
    assert ended[0] == ended[1]
