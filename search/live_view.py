"""How a running sweep looks on a screen, whatever its size."""

from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from search.fitting import Column, FittingTable, Phrases, Short
from search.progress import (
    ENDED,
    Document,
    best_phrases,
    cost_phrases,
    epoch_number,
    failure_lines,
    fold_scores,
    live_phrases,
    making_lines,
    number,
    shared_phrases,
    waiting_lines,
    with_commas,
    worker_name,
)

BAR_COLUMNS = 60
LEAST_WORKERS = 3
MOST_MADE = MOST_WAITING = 3


class LiveView:
    """Counts, best, cost, workers, what is made and shared, and what failed, from top to bottom.

    What is broken into lines is broken between phrases, columns that find no room are left out,
    and workers that find none are counted.

    Args:
        document: Of a status.
    """

    def __init__(self, document: Document) -> None:
        self._document = document

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        above, below = list(self._above()), list(self._below())
        workers = self._document.get("workers") or ()
        used = sum(_height(console, part, options) for part in (*above, *below))
        # A line each for the headings, for those that are not shown, and for the cursor.
        room = max(LEAST_WORKERS, options.size.height - used - 3)
        yield from above
        if workers:
            yield worker_table(workers[:room])
        if len(workers) > room:
            yield Text(f"and {len(workers) - room} more workers", style="dim")
        yield from below

    def _above(self) -> Iterator[RenderableType]:
        document = self._document
        yield Phrases(with_commas(live_phrases(document)), "bold")
        yield progress_bar(document)
        yield Phrases(with_commas(best_phrases(document)))
        yield Phrases(with_commas(cost_phrases(document)))

    def _below(self) -> Iterator[RenderableType]:
        document = self._document
        waiting = waiting_lines(document)
        yield from (Text(line, style="bold red") for line in waiting[:MOST_WAITING])
        if len(waiting) > MOST_WAITING:
            yield Text(f"and {len(waiting) - MOST_WAITING} more are waiting", style="bold red")
        yield from (Short(line, "dim") for line in making_lines(document)[:MOST_MADE])
        yield Phrases(shared_phrases(document), "dim")
        yield from (Short(line, "red") for line in failure_lines(document))


def progress_bar(document: Document) -> RenderableType:
    """Draw the share of the budget's trials that have ended, on a line of its own."""
    done = sum(document["trials"].get(state, 0) for state in ENDED)
    total = document["budget"]["trials"] or 1
    line = Table.grid()
    line.add_row(ProgressBar(total=total, completed=done, width=BAR_COLUMNS))
    return line


def worker_table(workers: Sequence[Document]) -> FittingTable:
    """Give each worker a row: where it is, its trial, stage, epoch and scores."""
    columns = [
        Column("worker", [worker_name(w) for w in workers], least=10),
        Column("device", [_or_dash(w.get("device")) for w in workers], dropped=1),
        Column("trial", [_or_dash(w.get("trial")) for w in workers]),
        Column("stage", [_or_dash(w.get("stage") or w.get("phase")) for w in workers]),
        Column("epoch", [epoch_number(w) for w in workers]),
        Column("folds", [fold_scores(w.get("folds")) for w in workers], dropped=4),
        Column("score", [number(w.get("score")) for w in workers], dropped=2),
        Column("backbone", [_or_dash(w.get("backbone")) for w in workers], dropped=3),
    ]
    told = {key for worker in workers for key in worker}
    shown = [c for c in columns if c.heading in told or c.heading not in ("device", "backbone")]
    return FittingTable(shown, header_style="dim")


def _height(console: Console, part: RenderableType, options: ConsoleOptions) -> int:
    return len(console.render_lines(part, options, pad=False))


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)
