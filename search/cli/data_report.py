"""What an audit found, as text for people."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from search.cli.leaderboard import new_table


def audit_summary(document: Mapping[str, Any]) -> RenderableType:
    """Count what should be left out, by reason, and name the files that were written.

    Args:
        document: The audit's document with ``report`` and ``exclude_file`` added.
    """
    n_images, n_excluded = document["images"], len(document["exclude"])
    head = f"{n_excluded} of {n_images} images should be left out."
    table = new_table("images", "finding")
    for finding, count in document["counts"].items():
        table.add_row(str(count), finding)
    odd = f"{len(document['warnings'])} others are odd, but may stay; the report shows them."
    parts: list[RenderableType] = [table] if n_excluded else []
    parts += [Text(odd)] if document["warnings"] else []
    files = f"Report: {document['report']}\nRows:   {document['exclude_file']}"
    return Group(Text(head, "bold"), *parts, Text(files))
