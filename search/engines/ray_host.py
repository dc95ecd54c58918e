"""What an actor of Ray does: it holds the process of one worker on the actor's machine.

This needs the standard library alone, like ``worker_process``: both travel to the node.
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from search.engines.worker_process import WorkerProcess

HOME_VARIABLE = "FOLDSWEEP_HOME"
WEIGHTS_VARIABLE = "KERAS_HOME"
DEFAULT_HOME = "foldsweep-home"
_HOME_MARKER = "foldsweep-home.json"
_OWN_FOLDER = "ray"


@dataclass(frozen=True)
class WorkerOrder:
    """All that a node must know to run workers of a sweep."""

    number: int
    """Of the place; its log is named after it."""
    folder: str
    """Name of the sweep's folder."""
    sweep_file: str
    """Its text."""
    home: str
    """The launcher's."""
    variables: Mapping[str, str] = field(repr=False)
    """May hold passwords: what its workers' environment holds besides that of the node."""
    import_path: tuple[str, ...]
    """Where the launcher finds modules; folders that a node does not have are left out there."""
    gpus: float
    code: str
    """The launcher's digest of foldsweep's source."""


class RayHost:
    """The process of one worker at a time; its methods run in threads beside each other.

    Args:
        order: What is to be run.
    """

    def __init__(self, order: WorkerOrder) -> None:
        self._order = order
        self._process: WorkerProcess | None = None

    def where(self) -> str:
        """Name the machine."""
        return socket.gethostname()

    def run(self, worker_id: str) -> tuple[int, str, str]:
        """Run a worker to its end.

        Returns:
            Its exit code, the path of its log, and the last lines of it.
        """
        if self._process is not None:
            # The launcher did not hear how it ended, and has given it up.
            self._process.interrupt()
            self._process.end(timeout_s=10.0)
        self._process = process = self._prepared()
        process.start(worker_id)
        return process.wait(), str(process.log), process.tail()

    def interrupt(self) -> None:
        """Ask the worker to end in good order."""
        if self._process is not None:
            self._process.interrupt()

    def kill(self) -> None:
        """End the worker at once."""
        if self._process is not None:
            self._process.end(timeout_s=0.0)

    def _prepared(self) -> WorkerProcess:
        order = self._order
        home = home_of_node(Path(order.home))
        folder = home / _OWN_FOLDER / order.folder
        folder.mkdir(parents=True, exist_ok=True)
        # Places of one node share the folder; each has a file of its own.
        file = folder / f"sweep-{order.number}.yaml"
        file.write_text(order.sweep_file, encoding="utf-8")
        gpu_ids = os.environ.get("CUDA_VISIBLE_DEVICES", "") if order.gpus else ""
        options = ["--gpu-ids", gpu_ids, "--gpus", str(order.gpus if gpu_ids else 0.0)]
        return WorkerProcess(
            file,
            folder / f"worker-{order.number}.log",
            [*options, "--code", order.code],
            _environment(order, home, gpu_ids),
        )


def home_of_node(home_of_launcher: Path) -> Path:
    """Choose the home of this machine.

    That is the one that the environment names in which Ray was started here, or else the launcher's
    where it lies here too, on the same machine or a shared disk, or else one of the user's.
    """
    own = os.environ.get(HOME_VARIABLE, "").strip()
    if own:
        return Path(own).expanduser().absolute()
    is_here = os.access(home_of_launcher / _HOME_MARKER, os.R_OK)
    if is_here and os.access(home_of_launcher, os.W_OK):
        return home_of_launcher
    return Path.home() / DEFAULT_HOME


def _environment(order: WorkerOrder, home: Path, gpu_ids: str) -> dict[str, str]:
    variables = dict(order.variables)
    weights = variables.get(WEIGHTS_VARIABLE, "")
    if os.environ.get(WEIGHTS_VARIABLE) or not os.access(weights, os.R_OK):
        variables.pop(WEIGHTS_VARIABLE, None)
    folders = [folder for folder in order.import_path if os.access(folder, os.R_OK)]
    folders += filter(None, [os.environ.get("PYTHONPATH")])
    return {
        **os.environ,
        **variables,
        HOME_VARIABLE: str(home),
        # Ray unsets it for an actor without a GPU, and TensorFlow would take them all.
        "CUDA_VISIBLE_DEVICES": gpu_ids or "-1",
        "PYTHONPATH": os.pathsep.join(folders),
    }
