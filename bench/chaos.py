"""Disturb a sweep in every way that is known, and see that nothing is lost; see docs/benchmarks.md.

Usage: python -m bench.chaos [--json] [--small] [--seed N]

Exits with 1 if anything does not hold, or could not be tried.
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.disturbances.disturbances import Disturber
from bench.disturbances.verdict import Check, as_document, check_doctor, check_sweep, judge
from bench.disturbances.worker_pool import WorkerPool
from bench.disturbances.world import (
    LEASE_S,
    ChaosSize,
    World,
    created,
    is_over,
    made,
    opened_world,
    sweep_content,
)

SETTLE_S = 120.0
FULL = ChaosSize(
    trials=120,
    fixed_points=40,
    n_epochs=10,
    epoch_s=0.5,
    images=240,
    late_trials=4,
    disturbances=(
        "mlflow_away:30",
        "restart_database",
        "stop_past_lease",
        "damage_view",
        "mlflow_away:30",
        "read_only",
        "cut_off",
        "restart_database",
        "fill_disk:8",
        "mlflow_away:30",
        "restart_database",
    ),
    kills=20,
)
SMALL = ChaosSize(
    trials=30,
    fixed_points=10,
    n_epochs=6,
    epoch_s=0.4,
    images=120,
    late_trials=2,
    disturbances=("mlflow_away:10", "restart_database", "cut_off", "stop_past_lease"),
    kills=6,
)


def main() -> int:
    """Run the benchmark; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.chaos")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--small", action="store_true", help="the same in under 4 minutes")
    parser.add_argument("--seed", type=int, default=0, help="of when and whom it hits")
    asked = parser.parse_args()
    size = SMALL if asked.small else FULL
    with tempfile.TemporaryDirectory(prefix="foldsweep-bench-") as folder:
        document = measure_chaos(size, Path(folder), seed=asked.seed)
    print(json.dumps(document, indent=1) if asked.json else "\n".join(summary(document)))
    return 0 if document["holds"] else 1


def measure_chaos(size: ChaosSize, folder: Path, *, seed: int) -> dict[str, Any]:
    """Disturb a sweep, then one whose score tells its attempt, and judge what is left.

    Args:
        size: How much is done.
        folder: Empty.
        seed: Of when and whom it hits.
    """
    began_s = time.monotonic()
    with opened_world(folder, size) as world:
        disturbed = _disturbed(world, size, random.Random(seed))
        late = _late(world, size, random.Random(seed))
    found = as_document(
        size,
        [*disturbed["checks"], *late["checks"]],
        seed=seed,
        done=disturbed["done"] + late["done"],
        skipped=[*disturbed["skipped"], *late["skipped"]],
        counts=disturbed["counts"],
    )
    return {
        **found,
        "disturbed_s": disturbed["seconds"],
        "seconds": time.monotonic() - began_s,
    }


def _disturbed(world: World, size: ChaosSize, draws: random.Random) -> dict[str, Any]:
    written = sweep_content(world.folder, "chaos", size, size.trials, "score")
    noted = world.folder / "noted"
    begun_s = time.monotonic()
    sweep, disturber = _run(world, size, written, noted, size.plan(draws), draws)
    seconds = time.monotonic() - begun_s
    checks, counts = judge(sweep, written, world.folder, noted, size)
    return {
        "checks": checks,
        "counts": counts,
        "done": disturber.done,
        "skipped": [*disturber.skipped, *world.skipped],
        "seconds": seconds,
    }


def _late(world: World, size: ChaosSize, draws: random.Random) -> dict[str, Any]:
    """Stop a worker past its lease where each attempt scores differently."""
    written = sweep_content(world.folder, "late", size, size.late_trials, "score_by_attempt")
    os.environ["CHAOS_EPOCH_S"] = str(size.epoch_s)
    noted = world.folder / "late"
    sweep, disturber = _run(world, size, written, noted, ["stop_past_lease"], draws)
    checks = check_sweep(sweep, trials=size.late_trials, n_epochs=size.n_epochs)
    wrong = [
        f"trial {r.trial}: {r.score} after {r.attempts} attempts"
        for r in sweep.trial_records()
        if r.score != r.attempts / 100
    ]
    checks += [Check("the score is that of the attempt that ended it", wrong), check_doctor(sweep)]
    return {
        "checks": [Check(f"late writer: {check.name}", check.found) for check in checks],
        "done": disturber.done,
        "skipped": disturber.skipped,
    }


def _run(
    world: World,
    size: ChaosSize,
    written: Mapping[str, Any],
    noted: Path,
    plan: Sequence[str],
    draws: random.Random,
) -> tuple[Any, Disturber]:
    """Create a sweep, and let workers run it to its end while the plan is carried out."""
    file, sweep = created(world, written, noted)
    logs = made(world.folder / f"{sweep.name}-logs")
    with WorkerPool(file, world.places(), logs) as pool:
        disturber = Disturber(
            pool,
            world.postgres,
            world.proxy,
            world.mlflow,
            folder=noted,
            store=sweep.settings.home / "store",
            small_disk=world.small_disk,
            random=draws,
            lease_s=LEASE_S,
            last_epoch=size.n_epochs - 1,
        )
        disturber.run(plan, lambda: is_over(sweep))
        pool.end(SETTLE_S)
    # What killed workers left, and what was to be said of their trials.
    sweep.launch()
    _send_small_disk(world, sweep)
    kept = os.environ.get("CHAOS_LOGS")
    if kept:
        shutil.copytree(logs, Path(kept) / logs.name, dirs_exist_ok=True)
    return sweep, disturber


def _send_small_disk(world: World, sweep: Any) -> None:
    """Send what waits in the home of the worker with a disk of its own."""
    from mlruns_config.outbox.outbox import drain
    from mlruns_config.settings import TrackingSettings
    from search.settings import RuntimeSettings

    if world.small_disk is not None:
        own = RuntimeSettings(home=world.small_disk.folder).sweep_folder(sweep.name)
        settings = TrackingSettings.from_environment(sweep.settings.home)
        drain(settings, own / "outbox", SETTLE_S)


def summary(document: Mapping[str, Any]) -> list[str]:
    """Write the main figures as lines."""
    lines = [f"{name:24} {count}" for name, count in document["counts"].items()]
    for check in document["checks"]:
        mark = "holds" if check["holds"] else "FAILS"
        lines += [f"{mark:6} {check['name']}", *(f"       {what}" for what in check["found"][:5])]
    lines += [f"not tried: {what}" for what in document["skipped"]]
    return [*lines, f"{document['seconds']:.0f} s"]


if __name__ == "__main__":
    sys.exit(main())
