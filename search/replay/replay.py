"""Run one phase of a trial again: the same parameters, splits and seed, and nothing is written."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from objectives.fold_heads import NAME as FOLD_HEADS
from objectives.records import Objective, Phase, TrialContext, TrialHead
from search.checkpoints.finished_heads import fetch_heads
from search.joining import version_differences
from search.open_sweep import OpenSweep
from search.replay.comparison import CPU_TOLERANCE, GPU_TOLERANCE, EpochComparison, Replay
from search.replay.reporter import RecordedReporter
from search.storage.records import FINISHED, Slot
from search.trial_detail import TrialDetail
from search.trial_phases import TrialPhases, trials_of
from spaces.errors import InputError, unknown_name
from spaces.params import TrialParams
from spaces.references import load_reference

CPU = "cpu"


def replay(
    opened: OpenSweep,
    trial: int,
    *,
    phase: Phase | None = None,
    device: str = CPU,
    on_progress: Callable[[str], None] | None = None,
) -> Replay:
    """Run a phase of a trial again, in a folder that goes when it has ended.

    Neither storage nor study nor MLflow is written to. Views and features are shared with all.

    Args:
        opened: The sweep.
        trial: The number of the trial.
        phase: Which phase; None takes the one that the trial's score comes from.
        device: What this process computes on.
        on_progress: Hears every epoch.

    Raises:
        InputError: If there is no such phase, or it has not ended with scores.
    """
    slot = find_slot(opened, trial, phase)
    rows = [row for row in opened.slots.epochs(slot.number) if row.phase == slot.phase]

    def tell(epoch: EpochComparison) -> None:
        if on_progress is not None:
            on_progress(_line(epoch))

    reporter = RecordedReporter(rows, was_ended=slot.reason is not None, on_epoch=tell)
    objective: Objective = load_reference(opened.file.objective)
    with tempfile.TemporaryDirectory(prefix="foldsweep-replay-") as scratch:
        context = _context(opened, slot, Path(scratch), reporter)
        result = objective(TrialParams.of_trial(slot.params or {}), context)
    stored_device = _device_of(opened, slot)
    return Replay(
        sweep=opened.row.name,
        trial=trial,
        phase=slot.phase,
        score=None if slot.score is None else float(result.score),
        stored_score=slot.score,
        fold_scores=tuple(float(score) for score in result.fold_scores),
        stored_fold_scores=TrialDetail.of(slot).fold_scores,
        epochs=reporter.epochs,
        differences=(
            *version_differences(opened.row),
            *([] if device == stored_device else [f"device {device} instead of {stored_device}"]),
        ),
        tolerance=CPU_TOLERANCE if device == stored_device == CPU else GPU_TOLERANCE,
    )


def find_slot(opened: OpenSweep, trial: int, phase: Phase | None) -> Slot:
    """Find a phase that has ended with scores.

    Raises:
        InputError: If there is none.
    """
    found = {phases.head.trial: phases for phases in trials_of(opened.slots.all())}
    if trial not in found:
        raise unknown_name("trial", str(trial), map(str, found))
    slot = _phase_of(found[trial], phase)
    if slot is None:
        raise InputError(f"trial {trial} was not fine-tuned; replay its heads with --phase head.")
    if slot.state not in FINISHED:
        raise InputError(f"phase {slot.phase} of trial {trial} has not ended: it is {slot.state}.")
    if slot.state == "failed":
        raise InputError(
            f"phase {slot.phase} of trial {trial} has failed and left no score to compare with: "
            f"{slot.reason}"
        )
    return slot


def _phase_of(phases: TrialPhases, phase: Phase | None) -> Slot | None:
    if phase is None:
        return phases.shown
    return phases.head if phase == "head" else phases.finetuning


def _context(
    opened: OpenSweep, slot: Slot, scratch: Path, reporter: RecordedReporter
) -> TrialContext:
    folder = scratch / opened.trial_folder(slot).name
    folder.mkdir()
    context = opened.context(folder, reporter)
    if slot.phase == "head":
        return context
    # Whom it raced against does not matter: it ends where it was given up then.
    head = opened.slots.one(slot.number)
    heads_folder = opened.trial_folder(head)
    if not (heads_folder / FOLD_HEADS).is_file():
        heads_folder = scratch / "head"
        fetch_heads(opened.checkpoints, head, heads_folder)
    scores = TrialDetail.of(head).fold_scores
    return replace(
        context, phase=slot.phase, head=TrialHead(head.score or 0.0, scores, heads_folder)
    )


def _device_of(opened: OpenSweep, slot: Slot) -> str:
    known = {row.id: row.device for row in opened.workers.all()}
    return known.get(slot.worker_id or "", "one that is not known any more")


def _line(epoch: EpochComparison) -> str:
    mean = sum(epoch.scores.values()) / max(1, len(epoch.scores))
    same = "as stored" if epoch.difference == 0 else f"differs by {epoch.difference:.2g}"
    folds = ", ".join(epoch.scores)
    return f"{epoch.stage}, epoch {epoch.epoch + 1}, folds {folds}: {mean:.4f}, {same}"
