"""Phrases and tables that fit into as many columns as a terminal has, 40 and more."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len, chop_cells
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

WIDE_COLUMNS = 80
"""From so many columns on a table has more air between its own."""
ELLIPSIS = "…"


def one_line(text: object) -> str:
    """Write a text on one line, without what would control a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def flowed(phrases: Iterable[str], columns: int) -> list[str]:
    """Put phrases on as few lines as hold them, breaking none but what is wider than a line.

    Args:
        phrases: Each with the comma that follows it.
        columns: Width of a line, at least 1.
    """
    lines: list[str] = []
    for phrase in phrases:
        if lines and cell_len(lines[-1]) + 1 + cell_len(phrase) <= columns:
            lines[-1] += f" {phrase}"
        elif cell_len(phrase) <= columns:
            lines.append(phrase)
        elif " " in phrase:
            lines += flowed(phrase.split(), columns)
        else:
            lines += chop_cells(phrase, columns)
    return lines


def shortened(text: str, columns: int, *, lines: int) -> list[str]:
    """Put the words of a text on at most so many lines; dots say that there are more."""
    flow = flowed(one_line(text).split(), columns)
    if len(flow) <= lines:
        return flow
    last = Text(f"{flow[lines - 1]} {flow[lines]}")
    last.truncate(columns, overflow="ellipsis")
    cut = last.plain if last.plain.endswith(ELLIPSIS) else f"{last.plain[: columns - 1]}{ELLIPSIS}"
    return [*flow[: lines - 1], cut]


class Phrases:
    """A sentence of phrases, of which none is broken if it fits on a line.

    Args:
        phrases: Each with the comma that follows it.
        style: Of rich.
    """

    def __init__(self, phrases: Sequence[str], style: str = "") -> None:
        self._phrases = phrases
        self._style = style

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in flowed(self._phrases, options.max_width):
            yield Text(line, self._style, no_wrap=True, overflow="crop")


class Short:
    """A text of which at most some lines are shown.

    Args:
        text: Of any length.
        style: Of rich.
        lines: The most that are shown.
    """

    def __init__(self, text: str, style: str = "", *, lines: int = 2) -> None:
        self._text = text
        self._style = style
        self._lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in shortened(self._text, options.max_width, lines=self._lines):
            yield Text(line, self._style, no_wrap=True, overflow="crop")


@dataclass(frozen=True)
class Column:
    """A column of a table of texts."""

    heading: str
    cells: Sequence[str]
    justify: Literal["left", "right"] = "left"
    dropped: int = 0
    """Where there is no room, columns of the highest number go first; 0 stays."""
    least: int | None = None
    """To how many characters its texts may be cut, at their beginning; None for not at all."""

    @property
    def width(self) -> int:
        """Characters of the widest text."""
        return max(map(cell_len, (self.heading, *self.cells)))

    @property
    def least_width(self) -> int:
        """Characters that it cannot do without."""
        return self.width if self.least is None else min(self.width, self.least)

    def cut(self, n: int) -> list[str]:
        """Give the texts with at most ``n`` characters, the end of each: there it is its own."""
        return [cell if len(cell) <= n else ELLIPSIS + cell[1 - n :] for cell in self.cells]


class FittingTable:
    """A table that leaves out columns where there is no room for all of them.

    Args:
        columns: From left to right.
        header_style: Of rich.
    """

    def __init__(self, columns: Sequence[Column], *, header_style: str = "bold") -> None:
        self._columns = columns
        self._header_style = header_style

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        gap = 2 if width >= WIDE_COLUMNS else 1
        shown = list(self._columns)
        while _least_width(shown, gap) > width and any(column.dropped for column in shown):
            shown.remove(max(shown, key=lambda column: column.dropped))
        spare = max(0, width - _least_width(shown, gap))
        table = Table(
            box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style=self._header_style
        )
        cells = []
        for column in shown:
            own = min(column.width, column.least_width + spare)
            spare -= own - column.least_width
            cells.append(column.cut(own))
            table.add_column(column.heading, justify=column.justify, no_wrap=True)
        for row in zip(*cells, strict=True):
            table.add_row(*map(Text, row))
        yield table


def _least_width(columns: Sequence[Column], gap: int) -> int:
    return sum(column.least_width for column in columns) + gap * (len(columns) - 1)
