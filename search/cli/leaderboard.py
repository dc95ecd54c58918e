"""The leaderboard and the list of sweeps, as tables for people."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from search.fitting import Column, FittingTable
from search.progress import duration, number
from spaces.policy_text import takes_strength

Document = Mapping[str, Any]


def leaderboard(entries: Iterable[Document]) -> RenderableType:
    """Lay out the best trials, the best first.

    Args:
        entries: The ``leaderboard`` of a status document.
    """
    rows = list(entries)
    params = [row["params"] for row in rows]
    return FittingTable(
        [
            Column("rank", [str(rank) for rank, _ in enumerate(rows, 1)], "right", dropped=6),
            Column("trial", [str(row["trial"]) for row in rows], "right"),
            Column("score", [number(row["score"]) for row in rows], "right"),
            Column("clean", [number(row.get("clean")) for row in rows], "right"),
            Column("shifted", [number(row.get("shifted")) for row in rows], "right"),
            Column("stage", [str(row.get("stage", "-")) for row in rows], dropped=4),
            Column("backbone", [str(p.get("backbone", "-")) for p in params], dropped=1, least=10),
            Column("policy", [policy_with_strength(p) for p in params], dropped=3, least=20),
            Column("optimizer", [str(p.get("optimizer", "-")) for p in params], dropped=5),
            Column("time", [duration(row.get("device_s")) for row in rows], "right", dropped=2),
        ]
    )


def sweep_list(documents: Iterable[Document]) -> RenderableType:
    """Lay out sweeps, the newest first: a row each, from their status documents."""
    rows = list(documents)
    budgets = [row["budget"] for row in rows]
    best = [row["best"] or {} for row in rows]
    return FittingTable(
        [
            Column("sweep", [row["sweep"] for row in rows], least=10),
            Column("state", [row["state"] for row in rows]),
            Column("trials", [f"{b['trials_used']} of {b['trials']}" for b in budgets]),
            Column("score", [number(row.get("score")) for row in best], "right"),
            Column("clean", [number(row.get("clean")) for row in best], "right", dropped=1),
            Column("shifted", [number(row.get("shifted")) for row in best], "right", dropped=2),
        ]
    )


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
