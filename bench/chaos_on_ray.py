"""Disturb a sweep on a Ray cluster of two nodes, one of which is killed; see docs/benchmarks.md.

Usage: python -m bench.chaos_on_ray [--json] [--seed N]

Exits with 1 if anything does not hold, or could not be tried.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.chaos import SETTLE_S, summary
from bench.disturbances.disturbances import WATCH_S, Disturber, MissedError
from bench.disturbances.ray_nodes import RayNodes, keep_to_ourselves, started_nodes
from bench.disturbances.ray_pool import RayPool
from bench.disturbances.verdict import as_document, judge
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
from search.sweep import Sweep

WORKERS = 4
ROOM = 4
"""CPUs of each node: for all workers, of which Ray puts half on either."""
SIZE = ChaosSize(
    trials=80,
    fixed_points=30,
    n_epochs=10,
    epoch_s=0.5,
    images=240,
    late_trials=0,
    disturbances=(
        "mlflow_away:10",
        "restart_database",
        "kill_node",
        "stop_past_lease",
        "kill_launcher",
        "cut_off",
    ),
    kills=8,
)


def main() -> int:
    """Run the benchmark; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.chaos_on_ray")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--seed", type=int, default=0, help="of when and whom it hits")
    asked = parser.parse_args()
    keep_to_ourselves()
    with tempfile.TemporaryDirectory(prefix="foldsweep-bench-") as folder:
        document = measure_chaos_on_ray(SIZE, Path(folder), seed=asked.seed)
    print(json.dumps(document, indent=1) if asked.json else "\n".join(_summary(document)))
    return 0 if document["holds"] else 1


def measure_chaos_on_ray(size: ChaosSize, folder: Path, *, seed: int) -> dict[str, Any]:
    """Disturb a sweep whose workers Ray places, and judge what is left.

    Args:
        size: How much is done.
        folder: Empty.
        seed: Of when and whom it hits.
    """
    began_s, draws = time.monotonic(), random.Random(seed)
    with opened_world(folder, size) as world:
        noted = made(folder / "noted")
        nodes = started_nodes({"CHAOS_FOLDER": str(noted)}, num_cpus=ROOM)
        try:
            disturbed = _disturbed(world, size, nodes, noted, draws)
        finally:
            nodes.stop()
    disturber = disturbed["disturber"]
    found = as_document(
        size,
        disturbed["checks"],
        seed=seed,
        done=disturber.done,
        skipped=disturber.skipped,
        counts=disturbed["counts"],
    )
    return {
        **found,
        "workers_back_s": disturber.back_s,
        "disturbed_s": disturbed["seconds"],
        "seconds": time.monotonic() - began_s,
    }


def _disturbed(
    world: World, size: ChaosSize, nodes: RayNodes, noted: Path, draws: random.Random
) -> dict[str, Any]:
    second = nodes.add_node(num_cpus=ROOM)
    written = {
        **sweep_content(world.folder, "chaos", size, size.trials, "score"),
        "workers": nodes.workers(count=WORKERS, cpus_per_worker=1),
    }
    file, sweep = created(world, written, noted)
    begun_s = time.monotonic()
    with RayPool(file, sweep, world.behind_proxy(), world.folder / "launcher.log") as pool:
        disturber = RayDisturber(
            pool=pool,
            postgres=world.postgres,
            proxy=world.proxy,
            mlflow=world.mlflow,
            folder=noted,
            store=sweep.settings.home / "store",
            small_disk=None,
            random=draws,
            lease_s=LEASE_S,
            last_epoch=size.n_epochs - 1,
            nodes=nodes,
            second=second,
        )
        disturber.run(size.plan(draws), lambda: is_over(sweep))
        pool.end(SETTLE_S)
    seconds = time.monotonic() - begun_s
    alone = {**written, "workers": {"engine": "local", "count": 1}}
    # What killed workers left, and what was to be said of their trials.
    Sweep.from_mapping(alone).launch()
    checks, counts = judge(sweep, alone, world.folder, noted, size)
    return {"checks": checks, "counts": counts, "disturber": disturber, "seconds": seconds}


@dataclass(kw_only=True)
class RayDisturber(Disturber):
    """Kills nodes and launchers too."""

    pool: RayPool
    nodes: RayNodes
    second: Any
    """The node that is killed."""
    back_s: dict[str, float] = field(default_factory=dict)
    """Seconds from the death of the node until a ``first`` new worker, and until ``all``, have
    joined the sweep."""

    def kill_node(self) -> None:
        """Kill a node of Ray while all workers run; its orphaned workers write on for a while."""
        self._wait_for(WORKERS, set())
        before = {worker.worker_id for worker in self.pool.places}
        at_s = time.monotonic()
        self.nodes.kill_node(self.second)
        self._wait_for(1, before)
        self.back_s["first"] = time.monotonic() - at_s
        self._wait_for(WORKERS, set())
        self.back_s["all"] = time.monotonic() - at_s

    def kill_launcher(self) -> None:
        """Kill the launcher: its workers leave, and the next one's go on."""
        self.pool.kill_launcher()

    def _wait_for(self, count: int, others_than: set[str]) -> None:
        deadline_s = time.monotonic() + WATCH_S
        while time.monotonic() < deadline_s:
            if len({worker.worker_id for worker in self.pool.places} - others_than) >= count:
                return
            time.sleep(0.05)
        raise MissedError(f"there never were {count} workers")


def _summary(document: dict[str, Any]) -> list[str]:
    back = [
        f"{name + ' back':24} {seconds:.1f} s"
        for name, seconds in document["workers_back_s"].items()
    ]
    return [*back, *summary(document)]


if __name__ == "__main__":
    sys.exit(main())
