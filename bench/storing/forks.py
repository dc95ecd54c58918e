"""Processes that are forks of one that has imported what workers need: no import is waited for."""

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Barrier
from typing import Any

from bench.parts import OWN_STORAGE, PartFailedError

forks = multiprocessing.get_context("forkserver")
forks.set_forkserver_preload(
    [
        "pytest.__main__",
        "alembic.command",
        "mlflow",
        "mlruns_config.client",
        "mlruns_config.outbox.delivery",
        "mlruns_config.outbox.outbox",
        "mlruns_config.system_metrics",
        "objectives.audit",
        "objectives.data",
        "objectives.splits",
        "objectives.store.array_store",
        "search.creation",
        "search.study.optuna_storage",
        "search.workers.worker_main",
        "bench.storing.ours",
        "bench.storing.plain",
    ]
)
GATE_S = 300.0
ENDING_S = 1800.0
LOG_END = 2000

Request = Mapping[str, Any]
Answer = dict[str, Any]
Work = Callable[[Request, Callable[[], float]], Answer]
"""Is given what it needs, and what waits for all others and gives the moment that they start."""


def run_forks(
    work: Work,
    requests: Sequence[Request],
    folder: Path,
    environment: Mapping[str, str],
    *,
    while_waiting: Callable[[], None] = lambda: None,
) -> list[Answer]:
    """Run a function in as many forks as there are requests, all of which start together.

    Args:
        work: A function of a module.
        requests: One for each.
        folder: Empty; logs and answers are put there.
        environment: Variables besides those of this process.
        while_waiting: Called now and then while they run.

    Raises:
        PartFailedError: If one did not answer.
    """
    folder.mkdir(parents=True)
    gate = forks.Barrier(len(requests))
    kept = {name: value for name, value in os.environ.items() if name not in OWN_STORAGE}
    variables = {**kept, **environment}
    processes = [
        forks.Process(target=_run, args=(work, request, gate, folder / str(number), variables))
        for number, request in enumerate(requests)
    ]
    for process in processes:
        process.start()
    deadline_s = time.monotonic() + ENDING_S
    while any(process.is_alive() for process in processes) and time.monotonic() < deadline_s:
        while_waiting()
        time.sleep(0.1)
    for process in processes:
        process.kill()
    return [_answer(folder / str(number)) for number in range(len(requests))]


def _answer(path: Path) -> Answer:
    answered = path.with_suffix(".json")
    if not answered.is_file():
        log = path.with_suffix(".log").read_text() if path.with_suffix(".log").is_file() else ""
        raise PartFailedError(f"a process of the benchmark did not answer: {log[-LOG_END:]}")
    answer: Answer = json.loads(answered.read_text())
    return answer


def _run(
    work: Work, request: Request, gate: Barrier, path: Path, environment: Mapping[str, str]
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    log = os.open(path.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(log, stream.fileno())

    def start() -> float:
        gate.wait(GATE_S)
        return time.monotonic()

    answer = work(request, start)
    # Whole or not at all: whoever waits looks when the process has ended.
    path.with_suffix(".json").write_text(json.dumps(answer))
