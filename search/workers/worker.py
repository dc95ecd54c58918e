"""One worker: takes slots, runs their trials, and says everywhere how they ended."""

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from optuna.trial import Trial

from mlruns_config.outbox.outbox import Outbox, RunSpool
from mlruns_config.system_metrics import SystemMetrics
from objectives.records import Objective, TrialContext, TrialResult
from objectives.trial_summary import summary_json
from search.ledger.outage import Outage
from search.ledger.slots import Slot, SlotLostError, SlotState
from search.opening import OpenSweep, open_study
from search.study.burst import Burst
from search.study.reporter import RaceRules, TrialReporter
from search.study.samplers import make_sampler
from search.study.study import suggest
from search.workers.budget import time_is_up
from search.workers.device import Device
from search.workers.failures import STORAGE_ERRORS, reason_of
from search.workers.heartbeat import Heartbeat
from search.workers.run_record import RunRecord, run_name
from spaces.errors import TrialError
from spaces.params import TrialParams
from spaces.references import load_reference

POLL_S = 0.5
FLUSH_AT_END_S = 30.0
FLUSH_WHEN_INTERRUPTED_S = 3.0

_logger = logging.getLogger(__name__)


def run_worker(opened: OpenSweep, device: Device, *, launcher_pid: int | None = None) -> None:
    """Run trials until the budget is used, then return.

    Args:
        opened: The sweep.
        device: What this process computes on; already set up.
        launcher_pid: Ends the worker when that process has gone.

    Raises:
        KeyboardInterrupt: After SIGINT or SIGTERM; the trial was given back then.
    """
    crew = opened.crew
    worker_id = crew.join(device.name, device.gpus)
    outbox = Outbox(
        opened.tracking, opened.folder / "outbox" / worker_id, on_run=note_run_of(opened)
    )
    flush_s = FLUSH_WHEN_INTERRUPTED_S
    try:
        with Heartbeat(crew, worker_id, launcher_pid):
            Worker(opened, device, worker_id, outbox).run()
        flush_s = FLUSH_AT_END_S
    finally:
        opened.slots.release_held_by(worker_id)
        crew.leave(worker_id)
        if not outbox.close(flush_s):
            _logger.warning("MLflow did not take everything; the next launch sends the rest")


def note_run_of(opened: OpenSweep) -> Callable[[str, str], None]:
    """Give what writes the MLflow run of a trial into the ledger, when its outbox knows it."""

    def note(key: str, run_id: str) -> None:
        opened.slots.note_run(int(key.rpartition("/")[2]), run_id)

    return note


class Worker:
    """The loop of one worker process.

    Args:
        opened: The sweep.
        device: What this process computes on.
        worker_id: As the ledger knows it.
        outbox: Where results for MLflow go.
    """

    def __init__(self, opened: OpenSweep, device: Device, worker_id: str, outbox: Outbox) -> None:
        self._opened = opened
        self._device = device
        self._id = worker_id
        self._outbox = outbox
        self._slots = opened.slots
        self._crew = opened.crew
        self._study = open_study(opened)
        self._burst = Burst(opened.space, opened.file.search.burst)
        # False also at first: what ended while a worker died is told now.
        self._holds_nothing = False
        self._objective: Objective = load_reference(opened.file.objective)

    def run(self) -> None:
        """Run trials until no slot is free or running, or the time is up.

        Raises:
            UnavailableError: If the storage stays away for minutes.
        """
        outage = Outage()
        while True:
            try:
                if not self._advance():
                    return
                outage.over()
            except SlotLostError as lost:
                _logger.warning("%s", lost)
            except STORAGE_ERRORS as error:
                # Not the trial's fault: it is given back, to whoever reaches the storage next.
                self._holds_nothing = False
                outage.wait(error)

    def _advance(self) -> bool:
        """Run one trial or wait for one; False if there is nothing to come."""
        if not self._holds_nothing:
            self._slots.release_held_by(self._id)
            self._study.tell_all()
            self._holds_nothing = True
        if time_is_up(self._opened.file.budget, self._crew.all()):
            return False
        slot = self._slots.claim(self._id)
        if slot is not None:
            self._run_trial(slot)
            return True
        counts = self._slots.counts()
        if counts["running"] == counts["free"] == 0:
            return False
        # A trial that runs elsewhere may come back; then this worker goes on with it.
        time.sleep(POLL_S)
        free_dead_workers(self._opened)
        return True

    def _run_trial(self, slot: Slot) -> None:
        base = make_sampler(self._opened.file.search, slot.number)
        trial = self._study.begin(slot, self._burst.sampler(base))
        params = self._draw(trial)
        self._burst.note(trial)
        self._slots.note_params(slot, params.model_dump(exclude_unset=True))
        run = self._outbox.open_run(
            self._opened.file.sweep,
            f"{self._opened.row.id}/{trial.number}",
            run_name(trial.number, params),
            run_id=slot.run_id,
        )
        record = RunRecord(self._opened, run, self._id, self._device.name)
        record.begin(trial.number, params)
        with SystemMetrics(run):
            state, outcome = self._score(slot, trial, params, run, record)
        self._slots.check_held(slot)
        record.end(state, outcome.get("reason"))
        self._slots.finish(slot, state, **outcome)
        self._study.tell(self._slots.one(slot.number))

    def _draw(self, trial: Trial) -> TrialParams:
        params = self._opened.space.draw(lambda dimension: suggest(trial, dimension))
        if "batch_size" in params.model_fields_set:
            return params
        size = self._opened.file.train.batch_size
        return TrialParams(**{**params.model_dump(exclude_unset=True), "batch_size": size})

    def _score(
        self, slot: Slot, trial: Trial, params: TrialParams, run: RunSpool, record: RunRecord
    ) -> tuple[SlotState, dict[str, Any]]:
        folder = self._opened.folder / "trials" / str(trial.number)
        folder.mkdir(parents=True, exist_ok=True)
        reporter = self._reporter(slot, trial, run)
        began_s = time.monotonic()
        try:
            result = self._objective(params, self._context(folder, reporter))
            _refuse_nan(result)
            record.complete(result, folder, time.monotonic() - began_s)
        except (SlotLostError, *STORAGE_ERRORS):
            raise
        except Exception as error:
            _logger.exception("trial %d failed", trial.number)
            return "failed", {"reason": reason_of(error)}
        pruned = result.stopped or reporter.pruned
        return "pruned" if pruned else "done", _outcome(result)

    def _reporter(self, slot: Slot, trial: Trial, run: RunSpool) -> TrialReporter:
        train = self._opened.file.train
        folds = self._opened.file.validation.folds
        rules = RaceRules(folds, train.head_epochs, train.finetune_top)
        return TrialReporter(trial, slot, self._slots, rules, run, self._note_progress)

    def _note_progress(self, progress: Mapping[str, Any]) -> None:
        self._crew.seen(self._id, progress)

    def _context(self, folder: Path, reporter: TrialReporter) -> TrialContext:
        opened = self._opened
        return TrialContext(
            data=opened.prepared.data,
            splits=opened.prepared.splits,
            validation=opened.file.validation,
            train=opened.file.train,
            seed=opened.file.search.seed,
            home=opened.settings.home,
            checkpoint_folder=folder,
            reporter=reporter,
            max_store_bytes=opened.settings.store_bytes,
            keep_views=_views_are_reread(opened),
        )


def free_dead_workers(opened: OpenSweep) -> None:
    """Free the trials of workers that are gone."""
    gone = opened.crew.gone()
    if gone and opened.slots.free_slots_of(gone):
        opened.crew.mark_lost(gone)


def _views_are_reread(opened: OpenSweep) -> bool:
    backbones = {d.choices for d in opened.space.dimensions if d.name == "backbone"}
    several = sum(map(len, backbones)) > 1
    return several or opened.file.train.finetune_epochs > 0


def _refuse_nan(result: TrialResult) -> None:
    if not float("-inf") < result.score < float("inf"):
        raise TrialError(f"the score is {result.score}: the loss has diverged")


def _outcome(result: TrialResult) -> dict[str, Any]:
    shifted = None if result.shifted is None else float(result.shifted)
    scores = {"score": float(result.score), "clean": float(result.clean), "shifted": shifted}
    return {**scores, "detail": summary_json(result)}
