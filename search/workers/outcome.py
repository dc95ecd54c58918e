"""What the storage is told of a phase that an objective has brought to its end."""

from typing import Any

from objectives.evaluation.oof_interval import oof_interval
from objectives.records import TrialResult
from objectives.trial_summary import summary_json
from search.open_sweep import OpenSweep
from search.storage.records import Slot, SlotState
from search.study.reporter import TrialReporter
from search.trial_detail import TrialDetail

Outcome = dict[str, Any]


def outcome_of(
    opened: OpenSweep, slot: Slot, result: TrialResult, reporter: TrialReporter
) -> tuple[SlotState, Outcome]:
    """Give the state of a phase and the columns that :meth:`Slots.finish` takes with it.

    What the time has cut short counts, if every fold has a score. What a fine-tuning came to that
    was given up is no score of the trial.

    Args:
        opened: The sweep.
        slot: The phase's.
        result: What the objective gave.
        reporter: What it reported to.
    """
    is_whole = len(result.fold_scores) == opened.prepared.splits.n_folds
    stopped = result.stopped or reporter.ending == "pruned"
    is_done = not stopped or (reporter.ending == "time" and is_whole)
    detail = _detail(opened, slot, result)
    reason = _reason(slot, reporter, stopped=stopped, is_done=is_done)
    if is_done:
        detail |= _interval_of_best(opened, result)
        return "done", {**_scores(result), "detail": detail, "reason": reason}
    scores = _scores(result) if slot.phase == "head" else {}
    return "pruned", {**scores, "detail": detail, "reason": reason}


def _reason(slot: Slot, reporter: TrialReporter, *, stopped: bool, is_done: bool) -> str | None:
    heads_count = "" if is_done or slot.phase == "head" else "; its heads' score counts"
    if reporter.ending == "time":
        had = "; scored by what it had" if is_done else " before all folds had run"
        return f"the sweep's time was used up in stage {reporter.stage}{had}{heads_count}"
    if not stopped:
        return None
    if slot.phase == "finetune":
        return f"stopped in fine-tuning: no chance left against the best{heads_count}"
    return f"stopped in stage {reporter.stage or 'none'}: worse than others at its epoch"


def _scores(result: TrialResult) -> Outcome:
    shifted = None if result.shifted is None else float(result.shifted)
    scores = {"score": float(result.score), "clean": float(result.clean), "shifted": shifted}
    return {**scores, "goes_on": result.goes_on}


def _detail(opened: OpenSweep, slot: Slot, result: TrialResult) -> Outcome:
    """Give what is kept besides the scores; a refit of fine-tuning needs the heads' epochs."""
    detail = summary_json(result)
    if slot.phase == "head":
        return detail
    before = TrialDetail.of(opened.slots.one(slot.number)).epochs
    return {**detail, "epochs": {**before, **detail["epochs"]}}


def _interval_of_best(opened: OpenSweep, result: TrialResult) -> Outcome:
    """Give the interval of a score above all others: it takes a second, and the rest need none.

    The best trial of a sweep was the best when it ended.
    """
    best = opened.slots.best_score()
    if best is not None and best >= result.score:
        return {}
    data, splits = opened.prepared.data, opened.prepared.splits
    interval = oof_interval(
        result,
        data.labels[splits.rows],
        groups=splits.groups[splits.rows],
        validation=opened.file.validation,
        seed=opened.file.search.seed,
    )
    return {"interval": list(interval)}
