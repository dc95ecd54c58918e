"""The process of one worker: its command, its log and its end.

This needs the standard library alone: Ray carries it to other machines, where another foldsweep
may be installed, or none.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

TAIL_LINES = 15
_TAIL_BYTES = 20_000


class WorkerProcess:
    """A child of this process that runs a worker and ends with it.

    Args:
        file: The sweep file.
        log: What its standard output and error are appended to.
        options: Of the worker's command, beside its name and this process.
        environment: All variables that it gets.
    """

    def __init__(
        self, file: Path, log: Path, options: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        self.log = log
        self._command = [sys.executable, "-m", "search.workers.worker_main", str(file), *options]
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, worker_id: str) -> None:
        """Start a worker of that name; the one before has ended."""
        itself = ["--worker-id", worker_id, "--launcher-pid", str(os.getpid())]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C reaches the launcher alone, which passes it on once.
            self._process = subprocess.Popen(
                [*self._command, *itself],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )

    def exit_code(self) -> int | None:
        """Give the exit code; None while it runs, and before there was one."""
        return None if self._process is None else self._process.poll()

    def wait(self) -> int:
        """Wait until it ends; gives the exit code."""
        return 0 if self._process is None else self._process.wait()

    def interrupt(self) -> None:
        """Ask it to end in good order."""
        if self._process is not None:
            self._process.terminate()

    def end(self, timeout_s: float) -> None:
        """Wait for its end, then kill it."""
        if self._process is None:
            return
        try:
            self._process.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def tail(self) -> str:
        """Read the last lines of the log."""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:])
