"""The local engine: one process a worker, watched until the budget is used."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import search
from mlruns_config.outbox.outbox import drain
from search.ledger.outage import Outage
from search.opening import OpenSweep, open_study
from search.settings import child_environment
from search.workers.budget import time_is_up
from search.workers.device import Device
from search.workers.failures import STORAGE_ERRORS
from search.workers.worker import free_dead_workers, note_run_of
from search.workers.worker_main import EXIT_INPUT
from spaces.errors import InputError

WATCH_EVERY_S = 0.25
PROGRESS_EVERY_S = 1.0
MAX_EARLY_DEATHS = 3
STOP_TIMEOUT_S = 30.0
DRAIN_S = 30.0
TAIL_LINES = 15

_logger = logging.getLogger(__name__)


@dataclass
class _Post:
    """A place for one worker process, filled again when it dies."""

    index: int
    device: Device
    log: Path
    process: subprocess.Popen[bytes] | None = None
    early_deaths: int = field(default=0)


class LocalLauncher:
    """Runs a sweep on this machine.

    Args:
        opened: The sweep.
        devices: One worker each.
        on_progress: Called about once a second.
    """

    def __init__(
        self, opened: OpenSweep, devices: Sequence[Device], on_progress: Callable[[], None]
    ) -> None:
        self._opened = opened
        self._on_progress = on_progress
        self._last_progress_s = 0.0
        logs = opened.folder / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        self._posts = [_Post(i, d, logs / f"worker-{i}.log") for i, d in enumerate(devices)]

    def run(self) -> None:
        """Start the workers and return when there is nothing left to run.

        Raises:
            InputError: If workers die as soon as they start; with the end of their log.
            KeyboardInterrupt: After Ctrl-C; the workers have given their trials back then.
        """
        free_dead_workers(self._opened)
        try:
            self._watch()
        finally:
            self._stop_all()
        open_study(self._opened).tell_all()
        unsent = drain(
            self._opened.tracking,
            self._opened.folder / "outbox",
            DRAIN_S,
            on_run=note_run_of(self._opened),
        )
        if unsent:
            _logger.warning("%d messages still wait for MLflow: launch again to send them", unsent)

    def _watch(self) -> None:
        outage = Outage()
        while True:
            try:
                if not self._look():
                    return
                outage.over()
            except STORAGE_ERRORS as error:
                outage.wait(error)
            time.sleep(WATCH_EVERY_S)

    def _look(self) -> bool:
        """Look after every worker once; False if none is left, nor work for one."""
        work_is_left = self._work_is_left()
        for post in self._posts:
            self._look_after(post, work_is_left)
        self._show_progress()
        return any(post.process for post in self._posts) or self._work_is_left()

    def _look_after(self, post: _Post, work_is_left: bool) -> None:
        if post.process is not None and post.process.poll() is not None:
            self._bury(post)
        if post.process is None and work_is_left:
            post.process = self._start(post)

    def _bury(self, post: _Post) -> None:
        process = post.process
        if process is None or process.returncode == 0:
            post.process = None
            return
        joined = [row.id for row in self._opened.crew.all() if row.pid == process.pid]
        self._opened.crew.mark_lost(joined)
        held = self._opened.slots.free_slots_of(joined) if joined else 0
        post.process = None
        post.early_deaths = 0 if held else post.early_deaths + 1
        if post.early_deaths >= MAX_EARLY_DEATHS or process.returncode == EXIT_INPUT:
            raise InputError(
                f"worker {post.index} ends before it runs a trial (exit code "
                f"{process.returncode}); the end of {post.log}:\n{_tail(post.log)}"
            )

    def _work_is_left(self) -> bool:
        if self._opened.slots.counts()["free"] == 0:
            return False
        return not time_is_up(self._opened.file.budget, self._opened.crew.all())

    def _start(self, post: _Post) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "search.workers.worker_main",
            str(self._opened.folder / "sweep.yaml"),
        ]
        command += ["--gpu-ids", ",".join(post.device.gpu_ids), "--gpus", str(post.device.gpus)]
        command += ["--launcher-pid", str(os.getpid())]
        with post.log.open("ab") as log:
            # A session of its own: Ctrl-C reaches the launcher alone, which passes it on once.
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=child_environment({**post.device.environment(), "PYTHONPATH": _import_path()}),
                start_new_session=True,
            )

    def _show_progress(self) -> None:
        if time.monotonic() - self._last_progress_s >= PROGRESS_EVERY_S:
            self._last_progress_s = time.monotonic()
            self._on_progress()

    def _stop_all(self) -> None:
        running = [post.process for post in self._posts if post.process is not None]
        for process in running:
            process.terminate()
        deadline_s = time.monotonic() + STOP_TIMEOUT_S
        for process in running:
            try:
                process.wait(timeout=max(0.1, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        free_dead_workers(self._opened)


def _import_path() -> str:
    """Let a worker import what this process can: foldsweep, and the user's own modules."""
    own = str(Path(search.__file__).resolve().parents[1])
    return os.pathsep.join([own, *(str(Path(part or ".").absolute()) for part in sys.path)])


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-TAIL_LINES:])
