"""Many trials by many workers, ours or plain Optuna's, on one database."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench.storing import ours, plain
from bench.storing.databases import Databases
from bench.storing.forks import Answer, run_forks
from bench.storing.homes import NAME, Home, Shared

Side = Literal["ours", "plain"]
LOCKED = "database is locked"


@dataclass(frozen=True)
class Race:
    """What is run."""

    side: Side
    trials: int
    workers: int
    has_mlflow: bool
    """Ours with its outbox; plain Optuna with MLflow's own client."""


def run_race(race: Race, databases: Databases, folder: Path, shared: Shared) -> dict[str, Any]:
    """Run the trials in an empty database, and look at what has come of it.

    Args:
        race: What is run.
        databases: Gives the database.
        folder: Not there yet; home and logs are put there.
        shared: Of the run.
    """
    home = Home(folder, databases.new(), shared)
    home.lay_out()
    create = ours.create if race.side == "ours" else plain.create
    request = {"content": home.content(race.trials)}
    run_forks(create, [request], folder / "create", home.environment)
    connections = 0

    def count_connections() -> None:
        nonlocal connections
        connections = max(connections, databases.connections())

    answers = run_forks(
        ours.work if race.side == "ours" else plain.work,
        _requests(race, home),
        folder / "work",
        home.environment,
        while_waiting=count_connections,
    )
    [seen] = run_forks(ours.look, [{"name": NAME}], folder / "look", home.environment)
    return {**summary(race, answers), "connections": connections, "found": _counts(seen)}


def _requests(race: Race, home: Home) -> list[dict[str, Any]]:
    if race.side == "ours":
        one = {"file": str(home.file), "has_outbox": race.has_mlflow}
        return [one] * race.workers
    shares = [len(part) for part in np.array_split(np.arange(race.trials), race.workers)]
    return [
        {"trials": share, "seed": seed, "has_mlflow": race.has_mlflow}
        for seed, share in enumerate(shares)
    ]


def summary(race: Race, answers: Sequence[Answer]) -> dict[str, Any]:
    """Put together what the workers say: their clock is one.

    Args:
        race: What was run.
        answers: Of the workers.
    """
    ended_s = [moment for answer in answers for moment in answer["ended_s"]]
    seconds = max(ended_s) - min(answer["began_s"] for answer in answers)
    errors, conflicts, warnings = (
        sum((Counter(answer[name]) for answer in answers), Counter[str]())
        for name in ("errors", "conflicts", "warnings")
    )
    return {
        "trials": len(ended_s),
        "workers": race.workers,
        "seconds": seconds,
        "trials_per_s": len(ended_s) / seconds,
        "trial_ms": percentiles([ms for answer in answers for ms in answer["service_ms"]]),
        "locked": sum(count for text, count in errors.items() if LOCKED in text),
        "errors": dict(errors),
        "conflicts": dict(conflicts),
        "warnings": dict(warnings),
        "has_tensorflow": any(answer.get("has_tensorflow", False) for answer in answers),
    }


def percentiles(milliseconds: Sequence[float]) -> dict[str, float]:
    """Give the median and the 95th percentile."""
    return {
        "median": float(np.percentile(milliseconds, 50)),
        "p95": float(np.percentile(milliseconds, 95)),
    }


def _counts(seen: Answer) -> dict[str, Any]:
    """Say what became of the trials: each number once, each told once, none begun twice."""
    numbers = seen.pop("numbers")
    return {**seen, "numbers_are_exact": numbers == list(range(len(numbers)))}
