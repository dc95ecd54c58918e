"""Measure what a trial costs besides its training, and what 1,000 workers need; docs/benchmarks.md.

Usage: python -m bench.storage [--json] [--small]
"""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.document import surroundings
from bench.progress import say
from bench.storing import ours
from bench.storing.databases import Databases, Server, SqliteFiles, postgresql
from bench.storing.document import as_text, fleet_document, storage_document
from bench.storing.forks import run_forks
from bench.storing.homes import Shared
from bench.storing.racing import Race, Side, run_race
from bench.storing.sizes import FULL, SMALL, StorageSize
from bench.storing.timing import count_statements, time_study

EXIT_TERMINATED = 143
SIDES: tuple[Side, ...] = ("ours", "plain")


def main() -> None:
    """Run the benchmark that the arguments ask for."""
    parser = argparse.ArgumentParser(prog="python -m bench.storage")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--small", action="store_true", help="the same in under a minute")
    asked = parser.parse_args()
    # Ended from outside, it still ends its server and takes its folders away.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    with tempfile.TemporaryDirectory(prefix="foldsweep-bench-") as folder:
        document = measure(SMALL if asked.small else FULL, Path(folder))
    print(json.dumps(document, indent=1) if asked.json else as_text(document))


def measure(size: StorageSize, folder: Path) -> dict[str, Any]:
    """Run all parts and give the document.

    Args:
        size: How much is done.
        folder: Empty.
    """
    document = surroundings(size, "generated")
    shared = Shared(folder / "shared", size.image_px)
    shared.folder.mkdir()
    shared.lay_out(size)
    run_forks(ours.make_mlflow, [{}], folder / "mlflow", shared.environment)
    with postgresql() as server:
        kinds: list[Databases] = [server, SqliteFiles(folder / "databases")]
        races = {d.kind: _race(d, size, folder / d.kind, shared) for d in kinds}
        timed = {d.kind: _time(d, size, folder / d.kind, shared) for d in kinds}
        counted = [
            _count(server, trials, workers, size, folder, shared) for trials, workers in size.fleets
        ]
        settings = {name: server.setting(name) for name in ("fsync", "max_connections")}
    return {
        **document,
        "postgresql": settings,
        **storage_document(races, timed),
        "fleet": [fleet_document(each, races["postgresql"], size) for each in counted],
    }


def _race(
    databases: Databases, size: StorageSize, folder: Path, shared: Shared
) -> Mapping[str, Mapping[str, Any]]:
    found = {}
    for has_mlflow in (False, True):
        for side in SIDES:
            name = f"{side}_mlflow" if has_mlflow else side
            race = Race(side, size.trials, size.workers[databases.kind], has_mlflow)
            found[name] = run_race(race, databases, folder / name, shared)
            say(f"{databases.kind}, {name}: {found[name]['trials_per_s']:.1f} trials/s")
    return found


def _time(
    databases: Databases, size: StorageSize, folder: Path, shared: Shared
) -> Mapping[str, Mapping[str, Any]]:
    found: dict[str, dict[str, Any]] = {side: {} for side in SIDES}
    for trials in size.studies:
        for side in SIDES:
            place = folder / f"{side}-{trials}"
            timed = time_study(side, trials, size, databases, place, shared)
            found[side][str(trials)] = timed
            say(f"{databases.kind}, {side}, {trials} trials: {timed['p95']:.0f} ms")
    return found


def _count(
    server: Server, trials: int, workers: int, size: StorageSize, folder: Path, shared: Shared
) -> Mapping[str, Any]:
    say(f"statements with {trials} trials and {workers} workers")
    place = folder / f"fleet-{trials}-{workers}"
    return count_statements(trials, workers, size, server, place, shared)


if __name__ == "__main__":
    main()
