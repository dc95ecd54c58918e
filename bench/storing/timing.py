"""Trials in a study that holds many: how long one takes, and what it asks of the database."""

import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import text, update

from bench.storing import ours, plain
from bench.storing.databases import Databases, Server, server_cpu_s
from bench.storing.filling import RandomPoint, fill, fill_study
from bench.storing.fleet import Cost
from bench.storing.forks import Answer, Request, run_forks
from bench.storing.homes import NAME, Home, Shared
from bench.storing.objective import EPOCHS_VARIABLE
from bench.storing.racing import Side, percentiles
from bench.storing.sizes import THOUSAND, StorageSize
from bench.storing.statements import Statements
from search.open_sweep import OpenSweep
from search.storage import tables
from search.storage.database import Database
from search.storage_url import parse_storage_url
from search.workers.heartbeat import heartbeat
from search.workers.time_left import TimeLeft
from spaces.default_space import DEFAULT
from spaces.periodic import Periodic

HEARTBEAT = "heartbeat"
ELSEWHERE = "the others"
SHOWN_STATEMENTS = 12
Start = Callable[[], float]


def time_study(
    side: Side, trials: int, size: StorageSize, databases: Databases, folder: Path, shared: Shared
) -> dict[str, Any]:
    """Time trials of one worker in a study that has some already.

    Args:
        side: Whose.
        trials: Of the study.
        size: How many are timed.
        databases: Gives the database.
        folder: Not there yet.
        shared: Of the run.
    """
    home = Home(folder, databases.new(), shared)
    home.lay_out()
    create, work = (ours.create, fill_and_run) if side == "ours" else (plain.create, fill_and_ask)
    content = home.content(trials + size.timed_trials)
    run_forks(create, [{"content": content}], folder / "create", home.environment)
    request = {"file": str(home.file), "trials": trials, "timed": size.timed_trials}
    [answer] = run_forks(work, [request], folder / "work", home.environment)
    return {**percentiles(answer["service_ms"]), "trials": len(answer["service_ms"])}


def fill_and_run(request: Request, start: Start) -> Answer:
    """Fill a sweep, then let one worker end it."""
    opened = ours.opened_sweep(request)
    with closing_database() as database:
        fill(database, opened, trials=request["trials"], workers=0)
    return ours.work({**request, "has_outbox": False}, start)


def fill_and_ask(request: Request, start: Start) -> Answer:
    """Fill a study, then ask it for more."""
    generator = random.Random(0)
    points = [RandomPoint(DEFAULT, generator) for _ in range(request["trials"])]
    with closing_database() as database, database.engine.begin() as connection:
        fill_study(connection, NAME, points)
    asked = {"trials": request["timed"], "seed": 0, "has_mlflow": False}
    return plain.work(asked, start)


def count_statements(
    trials: int, workers: int, size: StorageSize, server: Server, folder: Path, shared: Shared
) -> dict[str, Any]:
    """Count what a trial, an epoch and a beat ask of a database that holds many trials and workers.

    Args:
        trials: Of the study.
        workers: Of the sweep.
        size: How many are counted.
        server: Gives the database.
        folder: Not there yet.
        shared: Of the run.
    """
    home = Home(folder, server.new(), shared)
    home.lay_out()
    content = home.content(trials + 2 * size.counted_trials)
    run_forks(ours.create, [{"content": content}], folder / "create", home.environment)
    request = {
        "file": str(home.file),
        "trials": trials,
        "workers": workers,
        "counted": size.counted_trials,
        "beats": size.counted_beats,
        "pid": server.pid,
    }
    [answer] = run_forks(fill_and_count, [request], folder / "work", home.environment)
    return answer


def fill_and_count(request: Request, _start: Start) -> Answer:
    """Fill a sweep, then count what one worker's doings ask for."""
    opened = ours.opened_sweep(request)
    n, beats, pid = request["counted"], request["beats"], request["pid"]
    with closing_database() as database, elsewhere(database, opened):
        fill(database, opened, trials=request["trials"], workers=request["workers"])
        with database.engine.begin() as connection:
            connection.execute(text("ANALYZE"))
        beat = _counted(database, pid, lambda: _beat(opened, beats))
        totals = []
        for number, epochs in enumerate((0, THOUSAND.epochs), 1):
            os.environ[EPOCHS_VARIABLE] = str(epochs)
            limit = {"trials": request["trials"] + number * n}
            opened.storage.sweeps.change_budget(opened.row.id, limit)
            totals.append(_counted(database, pid, lambda: ours.work_off(opened, has_outbox=True)))
    costs = costs_of(beat, *totals, beats=beats, trials=n, epochs=THOUSAND.epochs)
    return {
        "trials": request["trials"],
        "workers": request["workers"],
        "costs": {kind: asdict(cost) for kind, cost in costs.items()},
        "statements_of_a_trial": {
            statement[:100]: round(count / n, 2) for statement, count in totals[0]["texts"]
        },
    }


def costs_of(
    beat: Mapping[str, Any],
    without: Mapping[str, Any],
    with_epochs: Mapping[str, Any],
    *,
    beats: int,
    trials: int,
    epochs: int,
) -> Mapping[str, Cost]:
    """Give what one of each costs.

    Args:
        beat: Counts of some beats.
        without: Counts of some trials without epochs, those of their heartbeat apart.
        with_epochs: Counts of as many with epochs.
        beats: How many beats that were.
        trials: How many trials.
        epochs: How many epochs each of them had.
    """
    names = ("statements", "transactions", "client_ms", "server_ms")
    beat_cost = {name: beat[name] / beats for name in names}
    own = [
        {
            **counts,
            "server_ms": counts["server_ms"] - _beats_beside(counts, beat_cost),
        }
        for counts in (without, with_epochs)
    ]
    trial_cost = {name: own[0][name] / trials for name in names}
    epoch_cost = {name: (own[1][name] - own[0][name]) / trials / epochs for name in names}
    return {
        "trial": Cost(**trial_cost),
        "epoch": Cost(**{name: max(cost, 0.0) for name, cost in epoch_cost.items()}),
        "beat": Cost(**beat_cost),
    }


def _beats_beside(counts: Mapping[str, Any], beat_cost: Mapping[str, float]) -> float:
    """Give the server's time for the beats that came while trials were counted."""
    return float(counts["heartbeat"] / beat_cost["statements"] * beat_cost["server_ms"])


def _counted(database: Database, pid: int, work: Callable[[], None]) -> dict[str, Any]:
    with Statements(database.url).watching() as counted:
        cpu_s = server_cpu_s(pid)
        work()
        server_ms = 1000 * (server_cpu_s(pid) - cpu_s)
    statements, transactions, client_ms = counted.of_all_but(HEARTBEAT, ELSEWHERE)
    return {
        "statements": statements,
        "transactions": transactions,
        "client_ms": client_ms,
        "server_ms": server_ms,
        "heartbeat": counted.statements[HEARTBEAT],
        "texts": counted.texts.most_common(SHOWN_STATEMENTS),
    }


def _beat(opened: OpenSweep, count: int) -> None:
    """Do what a worker's heartbeat does, in this thread."""
    beating = heartbeat(opened, "a worker of the benchmark", TimeLeft(), launcher_pid=None)
    for _ in range(count):
        beating._action()


@contextmanager
def elsewhere(database: Database, opened: OpenSweep) -> Iterator[None]:
    """Let the workers that were filled in beat, or they would be taken for dead."""
    theirs = tables.workers.c.sweep_id == opened.row.id
    living = theirs & (tables.workers.c.host == "elsewhere")
    beat = update(tables.workers).where(living).values(beat=tables.workers.c.beat + 1)

    def beat_all() -> None:
        with database.engine.begin() as connection:
            connection.execute(beat)

    with Periodic(beat_all, every_s=THOUSAND.beat_s, name=ELSEWHERE):
        yield


@contextmanager
def closing_database() -> Iterator[Database]:
    """Open the database of this process's environment beside the sweep's own connections."""
    database = Database(parse_storage_url(os.environ["FOLDSWEEP_STORAGE_URL"]))
    try:
        yield database
    finally:
        database.dispose()
