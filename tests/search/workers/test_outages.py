"""A database that goes away for a while: calls are made again, trials are not."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from search.sweep import Sweep
from tests.search.conftest import empty_database
from tests.search.workers.worker_processes import WorkerProcess, created, slots_of, started

pytestmark = pytest.mark.slow


@pytest.fixture
def sweep(
    content: dict[str, Any], own_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Sweep, Path]:
    """A sweep of two trials that take some seconds, on that server."""
    monkeypatch.setenv("FOLDSWEEP_STORAGE_URL", empty_database(own_server.get_uri()))
    monkeypatch.setenv("TINY_OBJECTIVE_EPOCH_S", "0.5")
    monkeypatch.setenv("FOLDSWEEP_LEASE_S", "4")
    return created({**content, "budget": {"trials": 2}}, tmp_path)


def runs(sweep: Sweep) -> bool:
    """Say whether a trial has come to its first epoch."""
    return any(slot.state == "running" and slot.params for slot in slots_of(sweep))


def test_a_server_that_is_restarted_costs_no_trial(
    sweep: tuple[Sweep, Path], own_server: Any
) -> None:
    opened, file = sweep
    worker = WorkerProcess(file)
    with started(worker):
        worker.wait_until(lambda: runs(opened))
        own_server.stop()
        time.sleep(1.0)
        own_server.start()
        assert worker.end() == 0, worker.log
    assert [(slot.state, slot.claims, slot.losses) for slot in slots_of(opened)] == [
        ("done", 1, 0)
    ] * 2


def test_a_server_that_only_reads_for_longer_than_a_lease_costs_no_trial(
    sweep: tuple[Sweep, Path], own_server: Any
) -> None:
    opened, file = sweep
    workers = [WorkerProcess(file) for _ in range(2)]
    with started(*workers):
        workers[0].wait_until(lambda: sum(slot.params is not None for slot in slots_of(opened)) > 1)
        own_server.psql("ALTER SYSTEM SET default_transaction_read_only = on;")
        own_server.psql("SELECT pg_reload_conf();")
        time.sleep(6.0)
        own_server.psql(
            "SET default_transaction_read_only = off; "
            "ALTER SYSTEM RESET default_transaction_read_only;"
        )
        own_server.psql("SELECT pg_reload_conf();")
        assert [worker.end() for worker in workers] == [0, 0], workers[0].log + workers[1].log
    assert [(slot.state, slot.claims, slot.losses) for slot in slots_of(opened)] == [
        ("done", 1, 0)
    ] * 2


def test_a_signal_is_answered_while_there_is_no_server(
    sweep: tuple[Sweep, Path], own_server: Any
) -> None:
    opened, file = sweep
    worker = WorkerProcess(file)
    with started(worker):
        worker.wait_until(lambda: runs(opened))
        own_server.stop()
        try:
            time.sleep(1.0)
            began_s = time.monotonic()
            os.kill(worker.process.pid, signal.SIGTERM)
            assert worker.end(timeout_s=10) == 130, worker.log
            assert time.monotonic() - began_s < 9.0
        finally:
            own_server.start()
