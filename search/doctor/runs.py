"""What MLflow says otherwise than the storage, or has not been told."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from mlruns_config.description.sweep import is_sweep_run
from mlruns_config.outbox.outbox import drain
from mlruns_config.outbox.waiting import WaitingSpool, waiting_spools
from mlruns_config.sweep_runs import FoundRun, SweepRuns, open_sweep_runs
from search.doctor.case import FLUSH_S, Case, numbers_of
from search.doctor.finding import Finding
from search.storage.records import FINISHED, Slot
from search.study.reporter import EpochLog
from search.trial_phases import TrialPhases, trials_of
from search.workers.run_record import RunRecord, note_run_of
from search.workers.settling import settle
from spaces.errors import UnavailableError


def check_spools(case: Case) -> Iterator[Finding]:
    """Find what processes that ended have left to be sent, and what MLflow has refused."""
    outbox = case.stored.folder / "outbox"
    for spool in waiting_spools(outbox):
        if spool.n_messages and not spool.is_owned:
            yield case.mending.found(
                "spool of nobody",
                f"{spool.n_messages} messages wait for MLflow, and their process has ended",
                spool.folder,
                mend=lambda spool=spool: _is_sent(case, spool),  # type: ignore[misc]
                remedy="see that MLflow answers, and run foldsweep doctor --fix",
            )
        if spool.n_refused:
            yield case.mending.found(
                "refused by MLflow",
                f"{spool.n_refused} values were refused for good",
                spool.folder / "rejected",
                remedy="read why in these files, and remove them",
            )


def _is_sent(case: Case, spool: WaitingSpool) -> bool:
    on_run = note_run_of(case.stored)
    return drain(case.stored.tracking, spool.folder, FLUSH_S, on_run=on_run) == 0


def check_endings(case: Case) -> Iterator[Finding]:
    """Find endings of phases that MLflow was never told, nor that they wait."""
    unsaid = [slot for slot in case.unsaid() if _is_unspooled(slot)]
    if unsaid and case.mending.is_wanted:
        settle(case.stored, lambda: case.outbox)
    for slot in unsaid:
        yield case.mending.found(
            "ending that MLflow does not know",
            f"it is {slot.state}, and MLflow was last told that it is {slot.spooled or 'nothing'}",
            case.where(slot),
            mend=lambda: True,
        )


def _is_unspooled(slot: Slot) -> bool:
    return slot.trial is not None and slot.spooled != slot.state


def check_runs(case: Case) -> Iterator[Finding]:
    """Compare the runs of MLflow with the trials that nobody works on."""
    tracking, row = case.stored.tracking, case.stored.row
    resting = case.resting()
    try:
        with open_sweep_runs(tracking, row.name, row.id) as runs:
            yield from _compared(case, runs, resting)
    except UnavailableError as error:
        yield case.mending.found(
            "MLflow does not answer",
            str(error),
            tracking.shown_uri,
            remedy="start it, or set MLFLOW_TRACKING_URI",
        )


def _compared(case: Case, runs: SweepRuns, resting: Sequence[TrialPhases]) -> Iterator[Finding]:
    if runs.experiment_state == "deleted":
        yield case.mending.found(
            "deleted experiment",
            "the sweep's experiment was deleted in MLflow",
            case.name,
            remedy="bring it back with mlflow experiments restore, or delete the sweep",
        )
        return
    by_trial: dict[int, list[FoundRun]] = defaultdict(list)
    everything = runs.all()
    # Two machines may have made one at the same moment; whoever writes it takes the first by id.
    pages = sorted((r for r in everything if is_sweep_run(r.tags)), key=lambda run: run.run_id)
    yield from _surplus(case, runs, pages[1:], "the sweep has another page")
    for run in everything:
        sweep_id, _, number = run.key.partition("/")
        if sweep_id == case.stored.row.id and number.isdecimal():
            by_trial[int(number)].append(run)
    # Runs first: a trial has its number before it has a run.
    known = numbers_of(trials_of(case.stored.slots.all()))
    for trial_number in sorted(by_trial.keys() - known):
        why = f"there is no trial {trial_number}"
        yield from _surplus(case, runs, by_trial[trial_number], why)
    for trial in resting:
        yield from _check_trial(case, runs, trial, by_trial[trial.head.trial or 0])


def _surplus(
    case: Case, runs: SweepRuns, surplus: Sequence[FoundRun], why: str
) -> Iterator[Finding]:
    for run in surplus:
        yield case.mending.found(
            "run without a trial",
            f"MLflow has a run {run.run_id} of the sweep, and {why}",
            case.name,
            mend=lambda run=run: runs.delete([run.run_id]),  # type: ignore[misc]
        )


def _check_trial(
    case: Case, runs: SweepRuns, trial: TrialPhases, found: Sequence[FoundRun]
) -> Iterator[Finding]:
    present = _present(trial)
    if present is None:
        return
    if not found:
        yield case.mending.found(
            "trial without a run",
            "MLflow has no run of it",
            case.where(trial.head),
            mend=lambda: _restore(case, trial),
        )
        return
    run = next((run for run in found if run.run_id == present.run_id), found[0])
    others = [other for other in found if other is not run]
    yield from _surplus(case, runs, others, f"trial {trial.head.trial} has another")
    if run.run_id != present.run_id:
        yield case.mending.found(
            "run that the storage does not know",
            f"its run is {run.run_id}, and the storage has {present.run_id or 'none'}",
            case.where(trial.head),
            mend=lambda: case.stored.slots.note_run(trial.head.trial or 0, run.run_id),
        )
    expected = _status(trial.head, present)
    if run.status != expected:
        yield case.mending.found(
            "other state in MLflow",
            f"it is {present.state}, and its run {run.status} instead of {expected}",
            case.where(present),
            mend=lambda: _say_state(case, present),
        )
    yield from _check_epochs(case, runs, trial, present, run)


def _present(trial: TrialPhases) -> Slot | None:
    """Give the latest phase that MLflow was told of; None before the first."""
    tuned = trial.finetuning
    if tuned is not None and tuned.spooled is not None:
        return tuned
    return None if trial.head.spooled is None else trial.head


def _status(head: Slot, present: Slot) -> str:
    """Give what a run should be, see :class:`search.workers.run_record.RunRecord`."""
    if present.state == "free":
        return "SCHEDULED"
    return "FAILED" if head.state == "failed" else "FINISHED"


def _restore(case: Case, trial: TrialPhases) -> None:
    """Write the run of a trial again, as far as the storage and this machine's files go."""
    devices = {row.id: row.device for row in case.stored.workers.all()}
    for slot in (trial.head, trial.finetuning):
        if slot is not None and slot.spooled is not None:
            worker = slot.worker_id or "unknown"
            record = RunRecord.open(case.stored, case.outbox, slot)
            record.restore(worker, devices.get(worker, "unknown"))
            _end(case, record, slot)


def _say_state(case: Case, slot: Slot) -> None:
    _end(case, RunRecord.open(case.stored, case.outbox, slot), slot)


def _end(case: Case, record: RunRecord, slot: Slot) -> None:
    if slot.state in FINISHED:
        record.end(slot, case.stored.trial_folder(slot))
    else:
        record.wait()


def _check_epochs(
    case: Case, runs: SweepRuns, trial: TrialPhases, present: Slot, run: FoundRun
) -> Iterator[Finding]:
    missing: set[tuple[str, int]] = set()
    doubled: set[tuple[str, int]] = set()
    for metric, steps in _recorded(case, trial).items():
        counts = Counter(point.step for point in runs.points(run.run_id, metric))
        missing |= {(metric, step) for step in steps if counts[step] == 0}
        doubled |= {(metric, step) for step in steps if counts[step] > 1}
    if missing:
        yield case.mending.found(
            "epochs that MLflow does not have",
            f"{len(missing)} points of its curves are missing: {_first(missing)}",
            case.where(present),
            mend=lambda: RunRecord.open(case.stored, case.outbox, present).log_epochs(),
        )
    if doubled:
        yield case.mending.found(
            "epochs that MLflow has twice",
            f"{len(doubled)} points of its curves are doubled: {_first(doubled)}",
            case.where(present),
            remedy=f"MLflow takes no value back: delete run {run.run_id} there, and foldsweep "
            "doctor --fix writes it again from the storage",
        )


def _first(points: set[tuple[str, int]]) -> str:
    metric, step = min(points)
    return f"{metric} at step {step}" + (", ..." if len(points) > 1 else "")


def _recorded(case: Case, trial: TrialPhases) -> Mapping[str, set[int]]:
    """Give the steps of each curve that MLflow must have, by what is recorded."""
    curves = _Curves()
    log = EpochLog(curves, case.stored.file.validation.folds)
    for row in case.stored.slots.epochs(trial.head.number):
        log.note(row)
    return curves.steps


class _Curves:
    """A sink that keeps which steps each metric has."""

    def __init__(self) -> None:
        self.steps: dict[str, set[int]] = defaultdict(set)

    def metrics(
        self,
        values: Mapping[str, float],
        step: int = 0,
        *,
        time_ms: int | None = None,  # noqa: ARG002
    ) -> None:
        """Note the step."""
        for name in values:
            self.steps[name].add(step)
