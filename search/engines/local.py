"""The local engine: one process of this machine a worker."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import search
from search.engines.place import Ending
from search.engines.worker_process import WorkerProcess
from search.open_sweep import OpenSweep
from search.settings import child_environment
from search.workers.device import Device


def local_places(opened: OpenSweep, devices: Sequence[Device]) -> list["LocalPlace"]:
    """Give each device a worker of its own."""
    return [LocalPlace(opened.folder, number, device) for number, device in enumerate(devices)]


class LocalPlace:
    """A process of this machine, with a device of its own.

    Args:
        folder: The sweep's.
        number: Of the place; its log is named after it.
        device: What its workers compute on.
    """

    def __init__(self, folder: Path, number: int, device: Device) -> None:
        variables = {**device.environment(), "PYTHONPATH": os.pathsep.join(import_path())}
        self._process = WorkerProcess(
            folder / "sweep.yaml",
            folder / "logs" / f"worker-{number}.log",
            ["--gpu-ids", ",".join(device.gpu_ids), "--gpus", str(device.gpus)],
            child_environment(variables),
        )

    def is_ready(self) -> bool:
        """Say yes: a process can be started at any time."""
        return True

    def start(self, worker_id: str) -> None:
        """Start a process."""
        self._process.start(worker_id)

    def ending(self) -> Ending | None:
        """Say how the process ended; None while it runs."""
        exit_code = self._process.exit_code()
        if exit_code is None:
            return None
        return Ending(exit_code, str(self._process.log), self._process.tail())

    def interrupt(self) -> None:
        """Send SIGTERM."""
        self._process.interrupt()

    def end(self, timeout_s: float) -> None:
        """Wait for the process, then kill it."""
        self._process.end(timeout_s)


def import_path() -> list[str]:
    """Let a worker import what this process can: foldsweep, and the user's own modules."""
    own = str(Path(search.__file__).resolve().parents[1])
    return [own, *(str(Path(part or ".").absolute()) for part in sys.path)]
