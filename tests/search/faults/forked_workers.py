"""Workers as forks of a process that has imported all they need: each takes part of a second."""

import multiprocessing
import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

HERE = Path(__file__).parent
# A server that forks has no threads of its own, unlike the process of the tests.
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    [
        "pytest.__main__",
        "mlflow",
        "mlruns_config.client",
        "mlruns_config.outbox.outbox",
        "objectives.data",
        "objectives.splits",
        "objectives.store.array_store",
        "search.workers.worker_main",
        __name__,
    ]
)


@dataclass(frozen=True)
class AtCall:
    """A signal that a worker sends itself just before a call of its main thread to a database."""

    number: int
    """1 for its first call."""
    signal: int


@dataclass(frozen=True)
class Ended:
    """A worker that has ended."""

    exit_code: int
    calls: int
    """To databases, those of its other threads left out: they come at any time."""
    log: str


def run_worker_process(file: Path, environment: Mapping[str, str], at: AtCall | None) -> Ended:
    """Run one worker of a sweep from its start to its end.

    Args:
        file: The sweep file.
        environment: Variables that differ from this process's.
        at: When it is sent which signal; None for never.
    """
    process = start_worker_process(file, environment, at)
    process.join(timeout=60)
    assert process.exitcode is not None, _log_of(file, process).read_text()
    calls = _calls_of(file, process)
    count = int(calls.read_text()) if calls.exists() else 0
    return Ended(process.exitcode, count, _log_of(file, process).read_text())


def start_worker_process(
    file: Path, environment: Mapping[str, str], at: AtCall | None
) -> BaseProcess:
    """Start one worker of a sweep; for the arguments see :func:`run_worker_process`."""
    process = _SERVER.Process(target=_work, args=(file, {**os.environ, **environment}, at))
    process.start()
    return process


def _work(file: Path, environment: Mapping[str, str], at: AtCall | None) -> None:
    from search.workers import worker, worker_main

    own = multiprocessing.current_process()
    os.environ.clear()
    os.environ.update(environment)
    # Nothing of this is waited for by a person, nor is MLflow there.
    worker.POLL_S = 0.02
    worker.FLUSH_AT_END_S = worker.FLUSH_WHEN_INTERRUPTED_S = 0.0
    log = os.open(_log_of(file, own), os.O_WRONLY | os.O_CREAT)
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    calls = 0

    def count(_connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        nonlocal calls
        is_ours = threading.current_thread() is threading.main_thread()
        if is_ours and not statement.startswith(("BEGIN", "PRAGMA")):
            calls += 1
            if at is not None and calls == at.number:
                os.kill(os.getpid(), at.signal)

    event.listen(Engine, "before_cursor_execute", count)
    sys.argv = ["worker", str(file)]
    try:
        sys.exit(worker_main.main())
    finally:
        _calls_of(file, own).write_text(str(calls))


def _log_of(file: Path, process: BaseProcess) -> Path:
    return file.with_name(f"worker-{process.pid}.log")


def _calls_of(file: Path, process: BaseProcess) -> Path:
    return file.with_name(f"worker-{process.pid}.calls")
