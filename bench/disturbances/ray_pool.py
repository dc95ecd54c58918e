"""A launcher whose workers run on a Ray cluster, kept running, and what its workers are."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.disturbances.world import is_over

WATCH_EVERY_S = 0.5


@dataclass(frozen=True)
class RayWorker:
    """A worker that Ray has placed somewhere."""

    name: str
    """The number of its process, as it says in what it notes."""
    worker_id: str


class RayPool:
    """Starts a launcher, and again whenever it has ended before the sweep.

    Args:
        file: The sweep file, with a section for Ray.
        sweep: The same, opened.
        environment: Variables of the launcher, which travel to its workers.
        log: Where the launcher writes.
    """

    def __init__(self, file: Path, sweep: Any, environment: Mapping[str, str], log: Path) -> None:
        self.exit_codes: list[int] = []
        self._sweep = sweep
        self._command = [sys.executable, "-m", "search.cli", "launch", str(file)]
        self._environment = environment
        self._log = log
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="launchers", daemon=True)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "RayPool":
        """Start a launcher."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Kill the launcher if it still runs."""
        self._stop.set()
        self._thread.join()
        self.kill_launcher()

    @property
    def places(self) -> Sequence[RayWorker]:
        """The workers that the storage knows to be there."""
        row = self._sweep.storage.sweeps.find(self._sweep.name)
        everyone = self._sweep.storage.workers(row.id).all()
        return [RayWorker(str(one.pid), one.id) for one in everyone if one.state == "live"]

    def signal(self, place: RayWorker, number: signal.Signals) -> bool:
        """Send a signal to a worker; False if there was none."""
        with suppress(ProcessLookupError):
            os.kill(int(place.name), number)
            return True
        return False

    def kill_launcher(self) -> None:
        """End the launcher with ``kill -9``."""
        process = self._process
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()

    def end(self, timeout_s: float) -> None:
        """Start no launcher any more, and wait until the last one has ended."""
        self._stop.set()
        self._thread.join()
        if self._process is not None:
            self._process.wait(timeout_s)

    def _watch(self) -> None:
        while not self._stop.wait(WATCH_EVERY_S):
            if self._process is not None and self._process.poll() is not None:
                self.exit_codes.append(self._process.returncode)
                self._process = None
            if self._process is None and not is_over(self._sweep):
                self._process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                self._command,
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
