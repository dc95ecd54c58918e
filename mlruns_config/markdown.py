"""Markdown, as GitHub and MLflow's UI read it, with texts of other people's choice in it."""

import re
from collections.abc import Iterable, Iterator, Sequence
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


def table_lines(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield the lines of a table of plain values, and an empty one behind it."""
    yield table(headings, [[cell_text(cell) for cell in row] for row in rows])
    yield ""


def cell_text(value: object) -> str:
    """Write a value so that it stays in its cell."""
    # A bar or a line break, in what a driver says or in a name, would end the cell.
    return " ".join(str(value).split()).replace("|", "\\|")
