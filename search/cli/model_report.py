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
    verdict = "passed" if document["passed"] else "did not pass"
    name = f"{document['model']} version {document['version']}"
    head = Text(f"{name} {verdict} the gate: {document['reason']}", "bold")
    looks = Text(f"Looks at this holdout so far: {document['looks']}")
    return Group(head, _holdout_table(document["holdout"]), looks)


def prediction_table(predictions: Iterable[Document]) -> Table:
    """Give each image a row: its class and the three likeliest."""
    table = new_table("image", "class", "probability", "then")
    for prediction in predictions:
        likeliest = sorted(prediction["probabilities"].items(), key=lambda entry: -entry[1])
        then = ", ".join(f"{name} {number(value)}" for name, value in likeliest[1:3])
        table.add_row(
            str(prediction["path"]), str(prediction["class"]), number(likeliest[0][1]), then
        )
    return table


def _holdout_table(holdout: Mapping[str, Document | None]) -> Table:
    table = new_table("holdout", "score", "95 % interval")
    for view, entry in holdout.items():
        if entry is not None:
            low, high = entry["interval"]
            table.add_row(view, number(entry["score"]), f"{number(low)} to {number(high)}")
    return table
