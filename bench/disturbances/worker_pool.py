"""Workers without a launcher, kept running by a scheduler as simple as those of clusters."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

WATCH_EVERY_S = 0.2


@dataclass
class Place:
    """Where one worker runs, and comes back when it has ended."""

    name: str
    environment: Mapping[str, str]
    command: Sequence[str] = ()
    """What starts a Python in surroundings of its own, such as ``unshare``."""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def pid(self) -> int | None:
        """Give the number of the worker's own process on this machine."""
        if self.process is None or self.process.poll() is not None:
            return None
        with suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self.process.pid)
            for process in (parent, *parent.children(recursive=True)):
                if process.exe().endswith(os.path.realpath(sys.executable).rpartition("/")[2]):
                    return int(process.pid)
        return None


class WorkerPool:
    """Starts a worker in each place, and again whenever it has ended before the sweep.

    Args:
        file: The sweep file.
        places: Where workers run.
        logs: A folder for what they say.
    """

    def __init__(self, file: Path, places: Sequence[Place], logs: Path) -> None:
        self.places = places
        self._file = file
        self._logs = logs
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="scheduler", daemon=True)
        self.exit_codes: list[int] = []

    def __enter__(self) -> "WorkerPool":
        """Start all workers."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Kill what still runs."""
        self._stop.set()
        self._thread.join()
        for place in self.places:
            if place.process is not None and place.process.poll() is None:
                place.process.kill()
                place.process.wait()

    def signal(self, place: Place, number: signal.Signals) -> bool:
        """Send a signal to the worker of a place; False if there was none."""
        pid = place.pid()
        if pid is None:
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, number)
            return True
        return False

    def end(self, timeout_s: float) -> bool:
        """Start none any more, and wait until all have ended; False if they do not."""
        self._stop.set()
        self._thread.join()
        deadline_s = time.monotonic() + timeout_s
        for place in self.places:
            if place.process is not None:
                with suppress(subprocess.TimeoutExpired):
                    place.process.wait(max(0.1, deadline_s - time.monotonic()))
        return all(p.process is None or p.process.poll() is not None for p in self.places)

    def _watch(self) -> None:
        while not self._stop.wait(WATCH_EVERY_S):
            for place in self.places:
                if place.process is not None and place.process.poll() is not None:
                    self.exit_codes.append(place.process.returncode)
                    place.process = None
                if place.process is None:
                    place.process = self._started(place)

    def _started(self, place: Place) -> subprocess.Popen[bytes]:
        with (self._logs / f"{place.name}.log").open("ab") as log:
            return subprocess.Popen(
                [
                    *place.command,
                    sys.executable,
                    "-m",
                    "search.workers.worker_main",
                    str(self._file),
                ],
                env={**os.environ, **place.environment, "CHAOS_PLACE": place.name},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
