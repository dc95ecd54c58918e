"""Workers that send themselves a signal at one of their calls to a database."""

import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from tests.search.forked_process import ForkedProcess

_numbers = count()


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
    log = file.with_name(f"worker-{next(_numbers)}.log")
    calls = log.with_suffix(".calls")
    variables = {**os.environ, **environment}
    process = ForkedProcess(_work, file, at, calls, log=log, environment=variables)
    exit_code = process.wait(timeout=60)
    return Ended(exit_code, int(calls.read_text()) if calls.exists() else 0, log.read_text())


def _work(file: Path, at: AtCall | None, calls: Path) -> int:
    from search.workers import worker, worker_main

    # Nothing of this is waited for by a person, nor is MLflow there.
    worker.POLL_S = 0.02
    worker.FLUSH_AT_END_S = worker.FLUSH_WHEN_INTERRUPTED_S = 0.0
    number = 0

    def count_calls(_connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        nonlocal number
        is_ours = threading.current_thread() is threading.main_thread()
        if is_ours and not statement.startswith(("BEGIN", "PRAGMA")):
            number += 1
            if at is not None and number == at.number:
                os.kill(os.getpid(), at.signal)

    event.listen(Engine, "before_cursor_execute", count_calls)
    sys.argv = ["worker", str(file)]
    try:
        return worker_main.main()
    finally:
        calls.write_text(str(number))
