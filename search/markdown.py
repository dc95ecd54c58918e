"""Markdown, as GitHub and MLflow's UI read it."""

from collections.abc import Iterable, Iterator, Sequence


def markdown_table(heading: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield the lines of a table, and an empty one behind it."""
    yield "| " + " | ".join(heading) + " |"
    yield "|" + "---|" * len(heading)
    for row in rows:
        yield "| " + " | ".join(cell_text(cell) for cell in row) + " |"
    yield ""


def cell_text(value: object) -> str:
    """Write a value so that it stays in its cell."""
    # A bar or a line break, in what a driver says or in a name, would end the cell.
    return " ".join(str(value).split()).replace("|", "\\|")
