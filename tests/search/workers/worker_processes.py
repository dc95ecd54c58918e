"""Workers in processes of their own, as a machine runs them without a launcher."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from search.creation import create_or_resume
from search.storage.records import EpochRow, Slot, SweepRow, WorkerRow
from search.sweep import Sweep
from tests.search.forked_process import ForkedProcess

HERE = Path(__file__).parent
IMPORTED = (HERE.parents[2], HERE.parent, HERE)


def created(content: Mapping[str, Any], folder: Path) -> tuple[Sweep, Path]:
    """Create a sweep that no worker runs yet, and write its file into a folder."""
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(dict(content)))
    sweep = Sweep.from_yaml(path)
    create_or_resume(sweep.file, sweep.settings)
    return sweep, path


WORKER = ("search.workers.worker_main",)
LAUNCH = ("search.cli", "launch")


class WorkerProcess:
    """One worker of a sweep, or a launcher of workers.

    Args:
        file: The sweep file.
        module: What Python runs: WORKER or LAUNCH.
        command: What starts a Python of its own, such as ``unshare``; without it a worker is a
            fork of a process that has its modules.
        environment: Variables that differ from this process's.
        imported: Folders that come first where it looks for modules.
        arguments: What follows the module; by default the file.
    """

    def __init__(
        self,
        file: Path,
        *,
        module: Sequence[str] = WORKER,
        command: Sequence[str] = (),
        environment: Mapping[str, str] = {},
        imported: Sequence[Path] = (),
        arguments: Sequence[str] | None = None,
    ) -> None:
        self._log = file.with_name(f"worker-{time.monotonic_ns()}.log")
        path = os.pathsep.join(str(folder) for folder in (*imported, *IMPORTED))
        variables = {**os.environ, "PYTHONPATH": path, **environment}
        self.process: ForkedProcess | subprocess.Popen[bytes]
        if module == WORKER and not command:
            self.process = ForkedProcess(
                _work,
                file,
                log=self._log,
                environment=variables,
                imported=(*imported, *IMPORTED),
            )
            return
        arguments = [str(file)] if arguments is None else arguments
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, sys.executable, "-m", *module, *arguments],
                env=variables,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_until(self, condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
        """Wait for something that the worker brings about while it lives."""
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            assert self.process.poll() is None or condition(), self.log
            assert time.monotonic() < deadline_s, f"waited in vain\n{self.log}"
            time.sleep(0.02)

    def end(self, timeout_s: float = 60.0) -> int:
        """Wait until it ends by itself; gives the exit code."""
        return self.process.wait(timeout_s)


def _work(file: Path) -> int:
    from search.workers import memory, worker_main

    # A fork cannot be started anew by the command that it was started by.
    memory.NOISE_BYTES = sys.maxsize
    sys.argv = ["worker", str(file)]
    return worker_main.main()


def slots_of(sweep: Sweep) -> Sequence[Slot]:
    """Read all slots as the storage has them."""
    return sweep.storage.slots(_row(sweep).id).all()


def epochs_of(sweep: Sweep, number: int) -> Sequence[EpochRow]:
    """Read the epochs of a slot as the storage has them."""
    return sweep.storage.slots(_row(sweep).id).epochs(number)


def workers_of(sweep: Sweep) -> Sequence[WorkerRow]:
    """Read all workers as the storage has them."""
    return sweep.storage.workers(_row(sweep).id).all()


def _row(sweep: Sweep) -> SweepRow:
    row = sweep.storage.sweeps.find(sweep.name)
    assert row is not None
    return row


def nothing_to_send(home: Path) -> bool:
    """Say whether MLflow has been told everything; who is stopped then holds no lock of others."""
    spools = home / "sweeps" / "tiny" / "outbox"
    return not [*spools.glob("*/*.open"), *spools.glob("*/*.jsonl")]


@contextmanager
def started(*workers: WorkerProcess) -> Iterator[None]:
    """Kill whatever still runs at the end of the block."""
    try:
        yield
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.wait()
