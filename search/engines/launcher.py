"""The launcher: fills the places of an engine with workers until the budget is used."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache

from mlruns_config.outbox.outbox import Outbox, drain
from search.engines.place import Ending, Place
from search.open_sweep import OpenSweep
from search.pages.publishing import write_last_page
from search.storage.workers import new_worker_id
from search.workers.dead_workers import bury, free_dead_workers
from search.workers.liveness import Liveness
from search.workers.run_record import note_run_of
from search.workers.settling import settle
from search.workers.shares import Turn
from search.workers.time_left import seconds_left
from search.workers.trial_failures import reason_to_halt
from search.workers.worker_main import EXIT_INPUT
from spaces.errors import InputError

WATCH_EVERY_S = 0.25
PROGRESS_EVERY_S = 1.0
MAX_EARLY_DEATHS = 3
STOP_TIMEOUT_S = 8.3
DRAIN_S = 30.0
DRAIN_WHEN_INTERRUPTED_S = 1.0

_logger = logging.getLogger(__name__)


@dataclass
class _Post:
    """A place and who works there."""

    index: int
    place: Place
    worker_id: str | None = None
    """The storage knows the worker by it, on whatever machine; None while there is none."""
    early_deaths: int = 0


class Launcher:
    """Runs a sweep at the places of an engine.

    Args:
        opened: The sweep.
        places: One worker each.
        on_progress: Called about once a second.
    """

    def __init__(
        self, opened: OpenSweep, places: Sequence[Place], on_progress: Callable[[], None]
    ) -> None:
        self._opened = opened
        self._on_progress = on_progress
        self._last_progress_s = 0.0
        self._is_hurried = False
        self._liveness = Liveness(opened.settings.lease_s)
        self._posts = [_Post(index, place) for index, place in enumerate(places)]

    def run(self) -> None:
        """Run the workers and return when there is nothing left to run.

        Raises:
            InputError: If workers die as soon as they start, with the end of their log; or if all
                the latest trials failed.
            UnavailableError: If the engine does not answer any more.
            KeyboardInterrupt: After Ctrl-C; the workers have given their trials back then.
        """
        is_orderly = False
        try:
            while self._look():
                time.sleep(WATCH_EVERY_S)
            is_orderly = True
        finally:
            self._stop_all()
            self._settle(is_orderly=is_orderly)
        self._refuse_to_go_on_in_vain()

    def _look(self) -> bool:
        """Look after every worker once; False if none is left, nor work for one."""
        level = self._opened.storage.sweeps.stop_level(self._opened.row.id)
        if level:
            self._is_hurried = level > 1
            return False
        free_dead_workers(self._opened, self._liveness, self._opened.workers.all())
        work_is_left = self._work_is_left()
        for post in self._posts:
            self._look_after(post, work_is_left)
        self._show_progress()
        return any(post.worker_id for post in self._posts) or self._work_is_left()

    def _look_after(self, post: _Post, work_is_left: bool) -> None:
        ending = post.place.ending() if post.worker_id else None
        if ending is not None:
            self._bury(post, ending)
        if post.worker_id is None and work_is_left and post.place.is_ready():
            post.worker_id = new_worker_id()
            post.place.start(post.worker_id)

    def _bury(self, post: _Post, ending: Ending) -> None:
        held = bury(self._opened, [post.worker_id or ""])
        post.worker_id = None
        if ending.exit_code is None:
            _logger.warning("worker %d has gone: %s", post.index, ending.tail)
        if not ending.exit_code:
            return
        self._refuse_to_go_on_in_vain()
        post.early_deaths = 0 if held else post.early_deaths + 1
        if post.early_deaths >= MAX_EARLY_DEATHS or ending.exit_code == EXIT_INPUT:
            raise InputError(
                f"worker {post.index} ends before it runs a trial (exit code "
                f"{ending.exit_code}); the end of {ending.log}:\n{ending.tail}"
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

    def _show_progress(self) -> None:
        if time.monotonic() - self._last_progress_s >= PROGRESS_EVERY_S:
            self._last_progress_s = time.monotonic()
            self._on_progress()

    def _stop_all(self) -> None:
        """End the workers; for one that has to be killed, no loss is counted."""
        running = [post for post in self._posts if post.worker_id]
        for post in running:
            post.place.interrupt()
        deadline_s = time.monotonic() + (0.0 if self._is_hurried else STOP_TIMEOUT_S)
        for post in running:
            post.place.end(max(0.1, deadline_s - time.monotonic()))
            if post.worker_id is not None:
                self._opened.slots.give_back(post.worker_id)
                bury(self._opened, [post.worker_id])

    def _settle(self, *, is_orderly: bool) -> None:
        """Send what ended workers left behind, and say how their trials and the sweep ended."""
        drain_s = DRAIN_S if is_orderly else DRAIN_WHEN_INTERRUPTED_S
        opened, on_run = self._opened, note_run_of(self._opened)
        folder = opened.folder / "outbox"
        drain(opened.tracking, folder, drain_s, on_run=on_run)
        with ExitStack() as stack:

            def own_outbox() -> Outbox:
                outbox = Outbox(opened.tracking, folder / new_worker_id(), on_run=on_run)
                stack.callback(outbox.close, drain_s)
                return outbox

            outbox = cache(own_outbox)
            settle(opened, outbox)
            # Who is interrupted or hurried has seconds to end.
            if is_orderly and not self._is_hurried:
                write_last_page(opened, outbox())
        unsent = drain(opened.tracking, folder, drain_s, on_run=on_run)
        if unsent:
            _logger.warning("%d messages still wait for MLflow: launch again to send them", unsent)
