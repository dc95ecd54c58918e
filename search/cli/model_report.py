"""Promotions and predictions, as text for people."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from search.cli.leaderboard import new_table
from search.progress import number

Document = Mapping[str, Any]


def promotion_report(document: Document) -> RenderableType:
    """Say what was registered and how it did on the holdout, beside the champion before."""
    verdict = "passed" if document["passed"] else "refused"
    trials = ", ".join(str(trial) for trial in document["trials"])
    return Group(
        Text(f"Trial {trials}, refitted: {verdict} by the gate", "bold"),
        Text(document["reason"]),
        _holdout_table(document),
        Text(f"Looks at this holdout, this one included: {document['looks']}"),
        Text(_outcome(document)),
    )


def prediction_table(predictions: Iterable[Document]) -> Table:
    """Give each image a row: its class and the three likeliest."""
    table = new_table("image", "class", "probability", "then")
    for prediction in predictions:
        likeliest = sorted(prediction["probabilities"].items(), key=lambda entry: -entry[1])
        then = ", ".join(f"{name} {number(value)}" for name, value in likeliest[1:3])
        table.add_row(
            prediction["path"],
            prediction["class"] or f"({prediction['error']})",
            number(prediction["probability"]),
            then,
        )
    return table


def _holdout_table(document: Document) -> Table:
    before = document["champion_holdout"] or {}
    table = new_table("holdout", "challenger", "95 % interval", *(["champion"] if before else []))
    for view, entry in document["holdout"].items():
        if entry is not None:
            low, high = entry["interval"]
            cells = [view, number(entry["score"]), f"{number(low)} to {number(high)}"]
            if before:
                cells.append(number((before.get(view) or {}).get("score")))
            table.add_row(*cells)
    return table


def _outcome(document: Document) -> str:
    if document["version"] is None:
        return "Nothing was registered; the alias stays where it was."
    name = f"Registered {document['model']} version {document['version']}"
    if document["alias"] is None:
        return f"{name}; no alias was moved."
    return f"{name} as models:/{document['model']}@{document['alias']}"
