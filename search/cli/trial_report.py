"""One trial as text for people."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from search.cli.leaderboard import new_table
from search.progress import duration, fold_scores, interval_text, number

Document = Mapping[str, Any]
OVERALL = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "calibration_error")
PER_CLASS = ("precision", "recall", "f1")


def trial_report(document: Document) -> RenderableType:
    """Lay out a trial's record: scores, epochs, parameters, metrics, classes, cost, links."""
    summaries = document.get("summaries") or {}
    parts: list[RenderableType] = [_heading(document), _facts(document), Text()]
    parts += [_pairs("parameter", document.get("params") or {}), Text()]
    if summaries:
        parts += [_overall(summaries), Text()]
        parts += [part for view in summaries for part in _classes(view, summaries[view])]
    if document.get("metrics"):
        parts += [_pairs("the objective's own", document["metrics"]), Text()]
    return Group(*parts)


def _heading(document: Document) -> Text:
    return Text(f"{document['sweep']}, trial {document['trial']}: {document['state']}", "bold")


def _facts(document: Document) -> Table:
    facts = Table.grid(padding=(0, 2))
    rows = {
        "score": _scores(document),
        "phases": _phases(document),
        "selected": _selected(document),
        "folds": fold_scores(document.get("fold_scores")),
        "epochs": ", ".join(f"{s} {n}" for s, n in (document.get("stages") or {}).items()),
        "stages": ", ".join(
            f"{s} {duration(t)}" for s, t in (document.get("stage_s") or {}).items()
        ),
        "cost": duration(document.get("device_s")),
        "reason": document.get("reason"),
        "fine-tuning": document.get("finetuning_reason"),
        "MLflow": document.get("run_url"),
    }
    for name, value in rows.items():
        if value:
            facts.add_row(name, str(value))
    return facts


def _selected(document: Document) -> str | None:
    """Say how far the score of a trial that was once the best may be off."""
    interval = document.get("interval")
    return interval and f"{interval_text(interval)}, optimistic: it was the best when it ended"


def _scores(document: Document) -> str:
    parts = ", ".join(f"{k} {number(document.get(k))}" for k in ("clean", "shifted"))
    stage = f", stage {document['stage']}" if document.get("stage") else ""
    return f"{number(document.get('score'))} ({parts}{stage})"


def _phases(document: Document) -> str:
    """Say what each phase came to, once there are two."""
    state = document.get("finetuning")
    if state is None:
        return ""
    tuned = f"fine-tuned {number(document.get('finetuned_score'))} ({state})"
    return f"heads {number(document.get('first_score'))}, {tuned}"


def _pairs(heading: str, values: Document) -> Table:
    table = new_table(heading, "value")
    for name, value in values.items():
        table.add_row(name, f"{value:.4g}" if isinstance(value, float) else str(value))
    return table


def _overall(summaries: Document) -> Table:
    """Give what is not about one class, a column a view."""
    table = new_table("metric", *summaries)
    for name in OVERALL:
        table.add_row(name, *(number(summary.get(name)) for summary in summaries.values()))
    return table


def _classes(view: str, summary: Document) -> Iterator[RenderableType]:
    table = new_table(f"class ({view})", *PER_CLASS)
    for name, scores in summary["classes"].items():
        table.add_row(Text(name), *(number(scores.get(kind)) for kind in PER_CLASS))
    yield table
    yield Text()
