"""The network to PostgreSQL goes silent: nothing is answered, not even by the other's kernel."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from search.storage.database import Database
from search.storage.failures import is_passing
from search.storage_url import parse_storage_url
from search.workers.interruption import EXIT_INTERRUPTED
from tests.search.conftest import empty_database
from tests.search.faults.partition import SilentProxy, silent_proxy
from tests.search.workers.worker_processes import WorkerProcess, created, slots_of, started

pytestmark = pytest.mark.slow

NOTICED_WITHIN_S = 20.0
"""Ten seconds until the connection is given up, five until the next is, and some."""


@pytest.fixture
def url(postgres_url: str) -> str:
    """An empty database."""
    return empty_database(postgres_url)


@pytest.fixture
def proxy(url: str) -> Iterator[SilentProxy]:
    """A way to the server that can fall silent."""
    folder = parse_storage_url(url).query["host"]
    with silent_proxy(f"{folder}/.s.PGSQL.5432") as opened:
        yield opened


def test_a_call_into_the_void_fails_soon_and_succeeds_when_it_is_over(
    url: str, proxy: SilentProxy
) -> None:
    with database_through(proxy, url) as database:
        assert database.read(one) == 1
        answers: list[int] = []
        calling = threading.Thread(target=lambda: answers.append(database.read(one)))
        with proxy.silent():
            began_s = time.monotonic()
            calling.start()
            while not database.retrying.failures:
                assert time.monotonic() - began_s < NOTICED_WITHIN_S
                time.sleep(0.05)
            assert not answers
        calling.join(timeout=NOTICED_WITHIN_S)
        assert answers == [1]


def test_silence_within_a_transaction_is_noticed(url: str, proxy: SilentProxy) -> None:
    def cut_off(connection: Connection) -> int:
        with proxy.silent():
            return one(connection)

    with database_through(proxy, url) as database:
        began_s = time.monotonic()
        with database.retrying.impatient(), pytest.raises(DBAPIError) as caught:
            database.read(cut_off)
        assert time.monotonic() - began_s < NOTICED_WITHIN_S
        assert is_passing(caught.value)
        assert database.read(one) == 1


@pytest.mark.parametrize("silent_s", [0.3, 2.5], ids=["while it trains", "while it calls"])
def test_a_worker_that_is_cut_off_answers_a_signal(
    silent_s: float,
    url: str,
    proxy: SilentProxy,
    content: dict[str, Any],
    signal_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FOLDSWEEP_STORAGE_URL", url)
    sweep, file = created({**content, "budget": {"trials": 1}}, tmp_path)
    changes = {"FOLDSWEEP_STORAGE_URL": through(proxy, url), "TINY_OBJECTIVE_EPOCH_S": "2"}
    worker = WorkerProcess(file, environment=changes)
    with started(worker):
        worker.wait_until(lambda: any(signal_folder.glob("attempt-*")))
        with proxy.silent():
            time.sleep(silent_s)
            worker.process.send_signal(signal.SIGTERM)
            assert worker.end(timeout_s=9.0) == EXIT_INTERRUPTED, worker.log
    # It could not give its trial back; that its process has ended is enough.
    sweep.work()
    assert [(slot.state, slot.claims) for slot in slots_of(sweep)] == [("done", 2)]


@contextmanager
def database_through(proxy: SilentProxy, url: str) -> Iterator[Database]:
    database = Database(parse_storage_url(through(proxy, url)))
    try:
        yield database
    finally:
        database.dispose()


def through(proxy: SilentProxy, url: str) -> str:
    """Give the URL of a database as it is reached through a proxy."""
    return f"postgresql://postgres@127.0.0.1:{proxy.port}/{parse_storage_url(url).database}"


def one(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT 1")) or 0)
