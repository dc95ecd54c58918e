"""The local engine: one process a worker, watched until the budget is used."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import search
from mlruns_config.outbox.outbox import Outbox, drain
from search.open_sweep import OpenSweep
from search.settings import child_environment
from search.storage.workers import new_worker_id
from search.workers.dead_workers import bury, free_dead_workers
from search.workers.device import Device
from search.workers.liveness import Liveness
from search.workers.settling import settle
from search.workers.shares import Turn
from search.workers.time_left import seconds_left
from search.workers.trial_failures import reason_to_halt
from search.workers.worker import note_run_of
from search.workers.worker_main import EXIT_INPUT
from spaces.errors import InputError

WATCH_EVERY_S = 0.25
PROGRESS_EVERY_S = 1.0
MAX_EARLY_DEATHS = 3
STOP_TIMEOUT_S = 8.3
DRAIN_S = 30.0
DRAIN_WHEN_INTERRUPTED_S = 1.0
TAIL_LINES = 15

_logger = logging.getLogger(__name__)


@dataclass
class _Post:
    """A place for one worker process, filled again when it dies."""

    index: int
    device: Device
    log: Path
    process: subprocess.Popen[bytes] | None = None
    worker_id: str = ""
    """Of the process; the storage knows the worker by it, on whatever host."""
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
        self._is_hurried = False
        self._liveness = Liveness(opened.settings.lease_s)
        logs = opened.folder / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        self._posts = [_Post(i, d, logs / f"worker-{i}.log") for i, d in enumerate(devices)]

    def run(self) -> None:
        """Run the workers and return when there is nothing left to run.

        Raises:
            InputError: If workers die as soon as they start, with the end of their log; or if all
                the latest trials failed.
            KeyboardInterrupt: After Ctrl-C; the workers have given their trials back then.
        """
        drain_s = DRAIN_WHEN_INTERRUPTED_S
        try:
            while self._look():
                time.sleep(WATCH_EVERY_S)
            drain_s = DRAIN_S
        finally:
            self._stop_all()
            self._settle(drain_s)
        self._refuse_to_go_on_in_vain()

    def _look(self) -> bool:
        """Look after every worker once; False if none is left, nor work for one."""
        level = self._opened.storage.sweeps.stop_level(self._opened.row.id)
        if level:
            self._is_hurried = level > 1
            return False
        free_dead_workers(self._opened, self._liveness)
        work_is_left = self._work_is_left()
        for post in self._posts:
            self._look_after(post, work_is_left)
        self._show_progress()
        return any(post.process for post in self._posts) or self._work_is_left()

    def _look_after(self, post: _Post, work_is_left: bool) -> None:
        if post.process is not None and post.process.poll() is not None:
            self._bury(post)
        if post.process is None and work_is_left:
            self._start(post)

    def _bury(self, post: _Post) -> None:
        process = post.process
        post.process = None
        held = bury(self._opened, [post.worker_id])
        if process is None or process.returncode == 0:
            return
        self._refuse_to_go_on_in_vain()
        post.early_deaths = 0 if held else post.early_deaths + 1
        if post.early_deaths >= MAX_EARLY_DEATHS or process.returncode == EXIT_INPUT:
            raise InputError(
                f"worker {post.index} ends before it runs a trial (exit code "
                f"{process.returncode}); the end of {post.log}:\n{_tail(post.log)}"
            )

    def _work_is_left(self) -> bool:
        opened = self._opened
        budget, everyone = opened.storage.sweeps.budget(opened.row.id), opened.workers.all()
        turn = Turn.of(opened.slots.standing(), opened.file.train, budget, everyone)
        return turn.is_work_left and seconds_left(budget, everyone) > 0

    def _refuse_to_go_on_in_vain(self) -> None:
        row = self._opened.storage.sweeps.find(self._opened.row.name)
        reason = row and reason_to_halt(row, self._opened.slots)
        if reason:
            raise InputError(reason)

    def _start(self, post: _Post) -> None:
        post.worker_id = new_worker_id()
        command = [
            sys.executable,
            "-m",
            "search.workers.worker_main",
            str(self._opened.folder / "sweep.yaml"),
        ]
        command += ["--worker-id", post.worker_id]
        command += ["--gpu-ids", ",".join(post.device.gpu_ids), "--gpus", str(post.device.gpus)]
        command += ["--launcher-pid", str(os.getpid())]
        with post.log.open("ab") as log:
            # A session of its own: Ctrl-C reaches the launcher alone, which passes it on once.
            post.process = subprocess.Popen(
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
        """End the workers; for one that has to be killed, no loss is counted."""
        running = [post for post in self._posts if post.process is not None]
        for post in running:
            if post.process is not None:
                post.process.terminate()
        deadline_s = time.monotonic() + (0.0 if self._is_hurried else STOP_TIMEOUT_S)
        for post in running:
            if post.process is not None:
                _end(post.process, deadline_s)
            self._opened.slots.give_back(post.worker_id)
            bury(self._opened, [post.worker_id])

    def _settle(self, drain_s: float) -> None:
        """Send what ended workers left behind, and say how their trials ended."""
        opened, on_run = self._opened, note_run_of(self._opened)
        folder = opened.folder / "outbox"
        drain(opened.tracking, folder, drain_s, on_run=on_run)
        with ExitStack() as stack:

            def own_outbox() -> Outbox:
                outbox = Outbox(opened.tracking, folder / new_worker_id(), on_run=on_run)
                stack.callback(outbox.close, drain_s)
                return outbox

            settle(opened, cache(own_outbox))
        unsent = drain(opened.tracking, folder, drain_s, on_run=on_run)
        if unsent:
            _logger.warning("%d messages still wait for MLflow: launch again to send them", unsent)


def _end(process: subprocess.Popen[bytes], deadline_s: float) -> None:
    try:
        process.wait(timeout=max(0.1, deadline_s - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _import_path() -> str:
    """Let a worker import what this process can: foldsweep, and the user's own modules."""
    own = str(Path(search.__file__).resolve().parents[1])
    return os.pathsep.join([own, *(str(Path(part or ".").absolute()) for part in sys.path)])


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-TAIL_LINES:])
