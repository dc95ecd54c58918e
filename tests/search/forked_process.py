"""Processes that are forks of one that has imported what workers need: no import is waited for."""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from threading import Lock

# A server that forks has no threads of its own, unlike the process of the tests.
forks = multiprocessing.get_context("forkserver")
forks.set_forkserver_preload(
    [
        "pytest.__main__",
        "alembic.command",
        "mlflow",
        "mlruns_config.client",
        "mlruns_config.outbox.outbox",
        "objectives.data",
        "objectives.splits",
        "objectives.store.array_store",
        "search.study.optuna_storage",
        "search.workers.worker_main",
        __name__,
    ]
)

# Starting a process asks for the exit code of all others, which can be read once.
_exit_codes = Lock()


class ForkedProcess:
    """A function that runs in a fork; with the methods of ``subprocess.Popen``.

    Args:
        target: Gives the exit code, or None for 0.
        arguments: Of the function.
        log: Where standard output and standard error go.
        environment: All variables.
        imported: Folders that come first where it looks for modules.
    """

    def __init__(
        self,
        target: Callable[..., int | None],
        *arguments: object,
        log: Path,
        environment: Mapping[str, str],
        imported: Sequence[Path] = (),
    ) -> None:
        folders = [str(folder) for folder in imported]
        self._process = forks.Process(
            target=_run, args=(target, arguments, log, dict(environment), folders)
        )
        with _exit_codes:
            self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code; None while it runs."""
        with _exit_codes:
            return self._process.exitcode

    def poll(self) -> int | None:
        """Give the exit code; None while it runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it ends.

        Raises:
            subprocess.TimeoutExpired: If it does not within that time.
        """
        wait([self._process.sentinel], timeout)
        exit_code = self.returncode
        if exit_code is None:
            raise subprocess.TimeoutExpired("a fork", timeout or 0.0)
        return exit_code

    def send_signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()


def _run(
    target: Callable[..., int | None],
    arguments: Sequence[object],
    log: Path,
    environment: Mapping[str, str],
    folders: Sequence[str],
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = folders
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(file, stream.fileno())
    sys.exit(target(*arguments))
