"""One trial as text for people."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from search.cli.leaderboard import new_table
from search.progress import duration, fold_scores, number

Document = Mapping[str, Any]
PER_CLASS = ("precision", "recall", "f1")


def trial_report(document: Document) -> RenderableType:
    """Lay out a trial's record: scores, epochs, parameters, metrics, classes, cost, links."""
    metrics = document.get("metrics") or {}
    parts: list[RenderableType] = [_heading(document), _facts(document), Text()]
    parts += [_pairs("parameter", document.get("params") or {}), Text()]
    if metrics:
        parts += [_overall(metrics), Text()]
        parts += [part for view in ("clean", "shifted") for part in _classes(metrics, view)]
    return Group(*parts)


def _heading(document: Document) -> Text:
    return Text(f"{document['sweep']}, trial {document['trial']}: {document['state']}", "bold")


def _facts(document: Document) -> Table:
    facts = Table.grid(padding=(0, 2))
    rows = {
        "score": _scores(document),
        "folds": fold_scores(document.get("fold_scores")),
        "epochs": ", ".join(f"{s} {n}" for s, n in (document.get("stages") or {}).items()),
        "cost": duration(document.get("device_s")),
        "reason": document.get("reason"),
        "MLflow": document.get("run_url"),
    }
    for name, value in rows.items():
        if value:
            facts.add_row(name, str(value))
    return facts


def _scores(document: Document) -> str:
    parts = ", ".join(f"{k} {number(document.get(k))}" for k in ("clean", "shifted"))
    return f"{number(document.get('score'))} ({parts})"


def _pairs(heading: str, values: Document) -> Table:
    table = new_table(heading, "value")
    for name, value in values.items():
        table.add_row(name, f"{value:.4g}" if isinstance(value, float) else str(value))
    return table


def _overall(metrics: Document) -> Table:
    """Give the metrics that are not about one class: those without a second slash."""
    return _pairs("metric", {name: v for name, v in metrics.items() if name.count("/") < 2})


def _classes(metrics: Document, view: str) -> Iterator[RenderableType]:
    prefix = f"{view}/recall/"
    names = [name.removeprefix(prefix) for name in metrics if name.startswith(prefix)]
    if not names:
        return
    table = new_table(f"class ({view})", *PER_CLASS)
    for name in names:
        table.add_row(name, *(number(metrics.get(f"{view}/{kind}/{name}")) for kind in PER_CLASS))
    yield table
    yield Text()
