"""The description of a trial's run, in Markdown: what it tried, found, shared and cost."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlruns_config.markdown import table_lines
from search.progress import duration, fold_scores, interval_text, number
from search.status import TrialRecord

Place = tuple[int, int]
"""How many trials are better, and how many are done."""
_OVERALL = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "log_loss": "log loss",
    "calibration_error": "calibration error",
}


def trial_note(sweep: str, trial: TrialRecord, place: Place | None) -> str:
    """Describe a trial.

    Args:
        sweep: The sweep's name.
        trial: As the storage has it.
        place: Among the trials that were done when this was written; None if it has none.
    """
    return "\n".join(_lines(sweep, trial, place))


def _lines(sweep: str, trial: TrialRecord, place: Place | None) -> Iterator[str]:
    yield f"**Trial {trial.trial} of the sweep {sweep}**: {_outcome(trial)}"
    yield ""
    if place is not None:
        yield _rank(place) + "\n"
    for reason in (trial.reason, trial.finetuning_reason):
        if reason:
            yield f"> {' '.join(reason.split())}\n"
    if trial.score is not None:
        yield from table_lines(("", *_views(trial)), _scores(trial))
    yield from _course(trial)
    yield "**What it tried**\n"
    yield from table_lines(("parameter", "value"), _shown(trial.params))
    yield "**To look closer**\n"
    yield "```"
    yield f"foldsweep show {sweep} {trial.trial}"
    if trial.state in ("done", "pruned"):
        yield f"foldsweep replay {sweep} {trial.trial}"
    if trial.state == "done":
        yield f"foldsweep promote {sweep} --trial {trial.trial}"
    yield "```"


def _outcome(trial: TrialRecord) -> str:
    if trial.score is None:
        return trial.state
    tuned = ", fine-tuned" if trial.stage == "finetune" and trial.finetuning else ""
    return f"score **{number(trial.score)}** ({trial.state}{tuned})"


def _rank(place: Place) -> str:
    better, done = place
    if better == 0:
        return f"The best of the {done} trials that were done when it ended."
    return f"Number {better + 1} of the {done} trials that were done when it ended."


def _views(trial: TrialRecord) -> list[str]:
    return ["clean"] if trial.shifted is None else ["clean", "shifted"]


def _scores(trial: TrialRecord) -> Iterator[list[str]]:
    yield ["score", *(number(getattr(trial, view)) for view in _views(trial))]
    if not trial.summaries:
        return
    for name, shown in _OVERALL.items():
        values = (trial.summaries.get(view, {}).get(name) for view in _views(trial))
        yield [shown, *map(number, values)]


def _course(trial: TrialRecord) -> Iterator[str]:
    """Say how sure the score is, which way it came, and what that cost; a line each."""
    facts = {
        "folds": fold_scores(trial.fold_scores),
        "sure": _interval(trial),
        "heads alone": number(trial.first_score) if trial.finetuning == "done" else "",
        "epochs": ", ".join(f"{stage} {epochs}" for stage, epochs in trial.stages.items()),
        "shared": _shared(trial.sharing),
        "cost": _cost(trial),
    }
    lines = [f"- {name}: {value}" for name, value in facts.items() if value]
    if lines:
        yield "\n".join(lines) + "\n"


def _interval(trial: TrialRecord) -> str:
    if trial.interval is None:
        return ""
    return f"{interval_text(trial.interval)}, optimistic: it was the best when it ended"


def _shared(sharing: Mapping[str, Mapping[str, int]]) -> str:
    kinds = (
        f"{kind} " + ", ".join(f"{count} {how}" for how, count in counts.items())
        for kind, counts in sharing.items()
    )
    return "; ".join(kinds)


def _cost(trial: TrialRecord) -> str:
    if not trial.device_s:
        return ""
    stages = ", ".join(f"{stage} {duration(s)}" for stage, s in trial.stage_s.items())
    attempts = "" if trial.attempts < 2 else f", {trial.attempts} attempts"
    return duration(trial.device_s) + (f" ({stages})" if stages else "") + attempts


def _shown(params: Mapping[str, Any]) -> Iterator[list[str]]:
    for name, value in params.items():
        yield [name, f"`{value:.4g}`" if isinstance(value, float) else f"`{value}`"]
