"""A PostgreSQL that is frozen: its kernel takes connections and bytes, and nobody answers them."""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from search.storage.database import Database
from search.storage.failures import is_passing
from search.storage.postgresql import SILENCE_S
from search.storage.storage import open_storage
from search.storage_url import parse_storage_url
from search.workers.interruption import EXIT_INTERRUPTED
from tests.search.conftest import empty_database
from tests.search.workers.worker_processes import WorkerProcess, created, slots_of, started

pytestmark = pytest.mark.slow

CONNECT_S = 5.0
"""For how long another connection is tried in the place of the silent one."""
TOLERANCE_S = 3.0


def test_calls_to_a_frozen_server_fail_in_time_and_succeed_when_it_goes_on(own_server: Any) -> None:
    url = empty_database(own_server.get_uri())
    with (
        closing(open_storage(url)) as ours,
        closing(open_storage(url)) as optunas,
        engine_of(url) as engine,
        engine.connect() as connection,
        ThreadPoolExecutor(2) as pool,
    ):
        asked = (ours.sweeps.names, optunas.optuna.get_all_studies)
        assert [ask() for ask in asked] == [[], []]
        assert connection.scalar(text("SELECT 1")) == 1
        with frozen(own_server):
            began_s = time.monotonic()
            answers = [pool.submit(ask) for ask in asked]
            with pytest.raises(DBAPIError) as caught:
                connection.scalar(text("SELECT 1"))
            assert time.monotonic() - began_s < SILENCE_S + TOLERANCE_S
            while not (ours.failures and optunas.failures):
                assert time.monotonic() - began_s < SILENCE_S + CONNECT_S + TOLERANCE_S
                time.sleep(0.05)
            assert not any(answer.done() for answer in answers)
        assert is_passing(caught.value)
        assert [answer.result(timeout=SILENCE_S) for answer in answers] == [[], []]


@pytest.mark.parametrize("frozen_s", [0.3, 2.5], ids=["while it trains", "while it calls"])
def test_a_worker_of_a_frozen_server_answers_a_signal(
    frozen_s: float,
    own_server: Any,
    content: dict[str, Any],
    signal_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FOLDSWEEP_STORAGE_URL", empty_database(own_server.get_uri()))
    monkeypatch.setenv("TINY_OBJECTIVE_EPOCH_S", "2")
    sweep, file = created({**content, "budget": {"trials": 1}}, tmp_path)
    worker = WorkerProcess(file)
    with started(worker):
        worker.wait_until(lambda: any(signal_folder.glob("attempt-*")))
        with frozen(own_server):
            time.sleep(frozen_s)
            worker.process.send_signal(signal.SIGTERM)
            assert worker.end(timeout_s=9.0) == EXIT_INTERRUPTED, worker.log
    # It could not give its trial back; that its process has ended is enough.
    monkeypatch.setenv("TINY_OBJECTIVE_EPOCH_S", "0")
    sweep.work()
    assert [(slot.state, slot.claims) for slot in slots_of(sweep)] == [("done", 2)]


@contextmanager
def frozen(server: Any) -> Iterator[None]:
    """Stop all processes of a server, those of its present connections too."""
    postmaster = psutil.Process(server.get_pid())
    processes = [postmaster, *postmaster.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


@contextmanager
def engine_of(url: str) -> Iterator[Engine]:
    """Open a database whose calls are not made again."""
    database = Database(parse_storage_url(url))
    try:
        yield database.engine
    finally:
        database.dispose()
