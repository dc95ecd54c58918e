"""One worker: takes slots, runs their trials, and says everywhere how they ended."""

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import Any

from optuna.trial import Trial

from mlruns_config.outbox.outbox import Outbox, RunSpool, drain
from mlruns_config.system_metrics import SystemMetrics
from objectives.records import Objective
from objectives.stopping.divergence import refuse_divergence
from search.checkpoints.finished_heads import fetch_heads, forget_heads, store_heads
from search.checkpoints.keeper import drop_blobs
from search.oof_file import save_oof
from search.open_sweep import OpenSweep
from search.pages.publishing import PageKeeper, write_last_page
from search.storage.failures import STORAGE_ERRORS, is_full_disk
from search.storage.records import Slot, SlotLostError, SlotState, SweepRow, WorkerRow
from search.study.points import Points
from search.study.reporter import TrialReporter
from search.workers.dead_workers import free_dead_workers
from search.workers.device import Device
from search.workers.disk_room import wait_for_room
from search.workers.doing import Doing
from search.workers.explaining import explain_best
from search.workers.heartbeat import heartbeat
from search.workers.liveness import Liveness
from search.workers.memory import MemoryGrowth
from search.workers.outcome import outcome_of
from search.workers.run_record import RunRecord, note_run_of
from search.workers.settling import settle
from search.workers.shares import Turn
from search.workers.time_left import TimeLeft, seconds_left
from search.workers.trial_failures import reason_of, reason_to_halt
from spaces.errors import DiskFullError, InputError, UnavailableError
from spaces.params import TrialParams
from spaces.references import load_reference

POLL_S = 0.5
DRAIN_EVERY_S = 60.0
DRAIN_S = 10.0
FLUSH_AT_END_S = 30.0
FLUSH_WHEN_INTERRUPTED_S = 1.5
CRASHED = "its worker crashed"

_logger = logging.getLogger(__name__)


def run_worker(
    opened: OpenSweep,
    device: Device,
    *,
    worker_id: str,
    launcher_pid: int | None = None,
    replace_process: Callable[[], None] | None = None,
) -> None:
    """Run trials until the budget is used, then return.

    Args:
        opened: The sweep.
        device: What this process computes on; already set up.
        worker_id: From :func:`search.storage.workers.new_worker_id`.
        launcher_pid: Ends the worker when that process has gone.
        replace_process: Called between trials when the process has grown, after the worker has
            left; None where the process is not the worker's alone.

    Raises:
        InputError: If all the latest trials of the sweep failed.
        UnavailableError: If the storage stays away for minutes.
        KeyboardInterrupt: After SIGINT, SIGTERM or SIGHUP; the trial was given back then.
    """
    opened.workers.join(worker_id, device.name, device.gpus)
    time_left, doing = TimeLeft(), Doing(opened.workers, worker_id)
    outbox = Outbox(
        opened.tracking, opened.folder / "outbox" / worker_id, on_run=note_run_of(opened)
    )
    flush_s = FLUSH_WHEN_INTERRUPTED_S
    is_alone = False
    try:
        with heartbeat(opened, worker_id, time_left, launcher_pid=launcher_pid, tell=doing.tell):
            worker = Worker(opened, device, worker_id, outbox, time_left, doing)
            has_grown = worker.run(may_grow=replace_process is None)
        if not has_grown:
            flush_s = FLUSH_AT_END_S
            # A launcher writes the page itself, when all its workers have ended.
            is_alone = launcher_pid is None
    except (KeyboardInterrupt, InputError):
        opened.slots.give_back(worker_id)
        raise
    except UnavailableError:
        # Where it is the storage that is away, the trial is freed when the lease is over.
        with suppress(*STORAGE_ERRORS), opened.storage.impatient():
            opened.slots.give_back(worker_id)
        raise
    except BaseException:
        mine = [row for row in opened.workers.all() if row.id == worker_id]
        opened.slots.lose(mine, CRASHED)
        raise
    finally:
        _leave(opened, worker_id, outbox, flush_s, is_alone=is_alone)
    if has_grown and replace_process is not None:
        _logger.info("the memory of this worker has grown: it starts anew")
        replace_process()


def _leave(
    opened: OpenSweep, worker_id: str, outbox: Outbox, flush_s: float, *, is_alone: bool
) -> None:
    try:
        with opened.storage.impatient():
            opened.workers.leave(worker_id)
            if is_alone:
                write_last_page(opened, outbox)
    except STORAGE_ERRORS as error:
        _logger.warning("the storage was not told that this worker leaves: %s", error)
    if not outbox.close(flush_s):
        _logger.warning("MLflow did not take everything; the next worker or launch sends the rest")


class Worker:
    """The loop of one worker process.

    Args:
        opened: The sweep.
        device: What this process computes on.
        worker_id: As the storage knows it.
        outbox: Where results for MLflow go.
        time_left: Of the sweep.
        doing: Hears what the worker is doing.
    """

    def __init__(
        self,
        opened: OpenSweep,
        device: Device,
        worker_id: str,
        outbox: Outbox,
        time_left: TimeLeft,
        doing: Doing,
    ) -> None:
        self._opened = opened
        self._device = device
        self._id = worker_id
        self._outbox = outbox
        self._time_left = time_left
        self._doing = doing
        self._slots = opened.slots
        self._workers = opened.workers
        self._study = cache(opened.study)
        self._points = Points(opened.space, opened.file, self._slots, self._study)
        self._liveness = Liveness(opened.settings.lease_s)
        self._objective: Objective = load_reference(opened.file.objective)
        self._memory = MemoryGrowth()
        self._has_grown = False
        self._page = PageKeeper(opened, worker_id, outbox)
        self._drained_s = float("-inf")

    def run(self, *, may_grow: bool = True) -> bool:
        """Run trials until nothing is to be begun and nothing runs, or the time is up.

        Args:
            may_grow: Whether to go on when the process holds much more than after its first trials.

        Returns:
            Whether it has ended because of that.
        """
        goes_on = True
        while goes_on:
            if self._has_grown and not may_grow:
                return True
            try:
                goes_on = self._advance()
            except SlotLostError as lost:
                _logger.warning("%s", lost)
            except DiskFullError as error:
                self._pause(str(error))
        self._settle()
        return False

    def _advance(self) -> bool:
        """Run one phase of a trial or wait for one; False if there is nothing to come."""
        self._drain_now_and_then()
        # Time counts to each worker's last beat: without one of now, some seconds would be missing.
        self._workers.beat(self._id)
        everyone = self._workers.all()
        free_dead_workers(self._opened, self._liveness, everyone)
        self._settle()
        self._page.update(everyone)
        row = self._present()
        if not self._may_begin(row, everyone):
            return False
        turn = Turn.of(self._slots.standing(), self._opened.file.train, row.budget, everyone)
        slot = turn.claim(self._slots, self._id)
        if slot is not None:
            self._run_trial(slot)
            self._has_grown = self._memory.note_trial()
            return True
        may_come = turn.is_work_under_way and self._is_needed(turn)
        if not turn.is_work_left and not may_come:
            return False
        # A trial that runs elsewhere may come back, or be one to fine-tune.
        time.sleep(POLL_S)
        return True

    def _is_needed(self, turn: Turn) -> bool:
        """Say whether what comes of the trials of others may need this worker."""
        live = [row.id for row in self._workers.all() if row.state == "live"]
        if turn.is_dispensable(self._id, live):
            _logger.info("nothing is left that others will not take: this worker leaves")
            return False
        return True

    def _present(self) -> SweepRow:
        row = self._opened.storage.sweeps.refreshed(self._opened.row)
        if row is None:
            raise InputError(f"the sweep {self._opened.row.name!r} was deleted.")
        return row

    def _may_begin(self, row: SweepRow, everyone: Sequence[WorkerRow]) -> bool:
        if row.stop:
            _logger.warning("the sweep was stopped; launch it to go on")
            return False
        reason = reason_to_halt(row, self._slots)
        if reason is not None:
            raise InputError(reason)
        left_s = seconds_left(row.budget, everyone)
        self._time_left.note(left_s)
        return left_s > 0

    def _run_trial(self, slot: Slot) -> None:
        trial, params = self._points.draw(slot)
        drawn = params.model_dump(exclude_unset=True)
        self._slots.note_params(slot, drawn)
        number = trial.number if slot.phase == "head" else slot.trial
        slot = replace(slot, trial=number, study_trial=trial.number, params=drawn)
        self._doing.begin(number, slot.phase)
        record: RunRecord | None = None
        try:
            record = RunRecord.open(self._opened, self._outbox, slot)
            record.begin(self._id, self._device.name)
            with self._system_metrics(slot, record.run):
                state, outcome = self._score(slot, trial, params, record.run)
            ended = self._finish(slot, state, outcome)
            record.end(ended, self._opened.trial_folder(slot))
        except KeyboardInterrupt:
            self._give_back(record)
            raise
        self._doing.end()
        self._study(slot.phase).tell(ended)
        self._points.hear(ended)

    def _finish(self, slot: Slot, state: SlotState, outcome: dict[str, Any]) -> Slot:
        opened = self._opened
        if outcome.get("goes_on"):
            store_heads(opened.checkpoints, slot, opened.trial_folder(slot))
        ended = self._slots.finish(slot, state, **outcome)
        if ended.goes_on:
            forget_heads(
                opened.checkpoints, self._slots.standing(), top=opened.file.train.finetune_top
            )
        drop_blobs(opened.blobs, ended)
        return ended

    def _give_back(self, record: RunRecord | None) -> None:
        self._slots.give_back(self._id)
        if record is not None:
            record.wait()

    def _pause(self, reason: str) -> None:
        self._slots.give_back(self._id)
        self._doing.end()
        self._doing.change({"waiting": reason})
        wait_for_room(self._opened.settings.home, reason)
        self._doing.change({})

    def _score(
        self, slot: Slot, trial: Trial, params: TrialParams, run: RunSpool
    ) -> tuple[SlotState, dict[str, Any]]:
        reporter = self._reporter(slot, trial, run)
        context = self._opened.trial_context(slot, reporter)
        context = replace(context, on_sharing=self._doing.hear_counts)
        folder = context.checkpoint_folder
        try:
            # An attempt begins with no file of an earlier one.
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            if context.head is not None:
                head = self._slots.one(slot.number)
                fetch_heads(self._opened.checkpoints, head, context.head.folder)
            result = self._objective(params, context)
            refuse_divergence(result.score, "the score")
            save_oof(self._opened, result, folder)
        except (SlotLostError, *STORAGE_ERRORS):
            raise
        except Exception as error:
            if is_full_disk(error):
                raise DiskFullError(reason_of(error)) from error
            if isinstance(error, UnavailableError):
                raise
            _logger.exception("trial %d failed in phase %s", slot.trial, slot.phase)
            return "failed", {"reason": reason_of(error)}
        state, outcome = outcome_of(self._opened, slot, result, reporter)
        is_best = "interval" in outcome["detail"]
        if is_best and slot.phase == "head":
            explain_best(self._opened.file, params, context, result)
        return state, outcome

    def _reporter(self, slot: Slot, trial: Trial, run: RunSpool) -> TrialReporter:
        return TrialReporter(
            trial if slot.phase == "head" else None,
            slot,
            self._slots,
            self._opened.race_rules(),
            run,
            time_is_up=self._time_left.is_up,
            on_progress=self._doing.change,
        )

    def _system_metrics(self, slot: Slot, run: RunSpool) -> SystemMetrics:
        elapsed_s = (slot.claimed_at or 0.0) - (slot.began_at or 0.0)
        return SystemMetrics(
            run, first_step=round(elapsed_s), is_held=lambda: self._slots.is_held(slot)
        )

    def _settle(self) -> None:
        settle(self._opened, lambda: self._outbox)

    def _drain_now_and_then(self) -> None:
        """Send what workers that died have left behind."""
        if time.monotonic() - self._drained_s >= DRAIN_EVERY_S:
            folder = self._opened.folder / "outbox"
            drain(self._opened.tracking, folder, DRAIN_S, on_run=note_run_of(self._opened))
            self._drained_s = time.monotonic()
