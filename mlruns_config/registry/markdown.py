"""Texts of other people's choice inside of Markdown."""

import re
from collections.abc import Iterable, Sequence
from html import escape

_SPECIAL = re.compile(r"([\\`*_{}\[\]|~])")


def plain(text: str, most: int = 200) -> str:
    """Write a text so that Markdown shows it as it is, on one line.

    Args:
        text: Any.
        most: Characters that are shown of it; a longer one ends in three dots.
    """
    line = " ".join(text.split())
    cut = line if len(line) <= most else line[: most - 3] + "..."
    # Not all that show Markdown take a backslash before an angle bracket.
    return _SPECIAL.sub(r"\\\1", escape(cut, quote=False))


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out a table; the cells are Markdown already."""
    lines = (headings, ("---",) * len(headings), *rows)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
