"""The leaderboard and the list of sweeps, as tables for people."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.table import Table

from search.progress import duration, number
from spaces.policy_text import takes_strength

Document = Mapping[str, Any]


def leaderboard(entries: Iterable[Document]) -> Table:
    """Lay out the best trials, the best first.

    Args:
        entries: The ``leaderboard`` of a status document.
    """
    table = new_table(
        "rank",
        "trial",
        "score",
        "clean",
        "shifted",
        "stage",
        "backbone",
        "policy",
        "optimizer",
        "time",
    )
    for rank, entry in enumerate(entries, start=1):
        params = entry["params"]
        table.add_row(
            str(rank),
            str(entry["trial"]),
            number(entry["score"]),
            number(entry.get("clean")),
            number(entry.get("shifted")),
            str(entry.get("stage", "-")),
            str(params.get("backbone", "-")),
            policy_with_strength(params),
            str(params.get("optimizer", "-")),
            duration(entry.get("device_s")),
        )
    return table


def sweep_list(documents: Iterable[Document]) -> Table:
    """Lay out sweeps, the newest first: a row each, from their status documents."""
    table = new_table("sweep", "state", "trials", "score", "clean", "shifted")
    for document in documents:
        best = document["best"] or {}
        table.add_row(
            document["sweep"],
            document["state"],
            f"{document['budget']['trials_used']} of {document['budget']['trials']}",
            *(number(best.get(kind)) for kind in ("score", "clean", "shifted")),
        )
    return table


def policy_with_strength(params: Document) -> str:
    """Write ``randaugment (medium)``, or a policy alone that takes no strength."""
    policy = str(params.get("policy", "none"))
    strength = f" ({params.get('strength', 'medium')})" if takes_strength(policy) else ""
    return policy + strength


def new_table(*headings: str) -> Table:
    """Make a table in the look of all our tables: no lines, headings in bold."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for heading in headings:
        right = heading in {"rank", "trial", "score", "clean", "shifted", "time"}
        table.add_column(heading, justify="right" if right else "left", no_wrap=True)
    return table
