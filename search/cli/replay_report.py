"""A replay as text for people."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from search.cli.leaderboard import new_table
from search.progress import fold_scores, number

Document = Mapping[str, Any]


def replay_report(document: Document) -> RenderableType:
    """Lay out scores and folds beside the stored ones, the epochs that differ, and why they may."""
    return Group(
        _heading(document),
        _scores(document),
        *_epochs(document),
        *map(Text, _sentences(document)),
    )


def _heading(document: Document) -> Text:
    verdict = "comes to the same" if document["equal"] else "does not come to the same"
    place = f"{document['sweep']}, trial {document['trial']}, phase {document['phase']}"
    return Text(f"{place}: {verdict}", "bold")


def _scores(document: Document) -> Table:
    table = new_table("", "score", "folds")
    for name, prefix in (("now", ""), ("stored", "stored_")):
        folds = fold_scores(document[f"{prefix}fold_scores"])
        table.add_row(name, number(document[f"{prefix}score"]), folds)
    return table


def _epochs(document: Document) -> Iterator[RenderableType]:
    differing = [e for e in document["epochs"] if e["scores"] != e["stored"]]
    n_all = len(document["epochs"])
    yield Text(f"{n_all - len(differing)} of {n_all} epochs have the same scores in every fold.")
    if differing:
        table = new_table("stage", "epoch", "now", "stored")
        for epoch in differing:
            scores = (fold_scores(epoch[kind]) or "-" for kind in ("scores", "stored"))
            table.add_row(epoch["stage"], str(epoch["epoch"] + 1), *scores)
        yield table


def _sentences(document: Document) -> Iterator[str]:
    largest = document["largest_difference"]
    if math.isinf(largest):
        yield "Some scores are missing on one side."
    elif largest:
        yield f"The largest difference is {largest:.3g}; {document['tolerance']:g} is allowed."
    if document["differences"]:
        yield (
            f"Here is {', '.join(document['differences'])}: so it is not promised that scores are "
            "equal."
        )
