"""How a sweep gets on, for people: a live display, plain lines where there is no terminal."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

Document = Mapping[str, Any]
ENDED = ("done", "pruned", "failed")
PLAIN_INTERVAL_S = 60.0


class Status(Protocol):
    """A sweep at a moment: :class:`search.status.SweepStatus`, which loads a database to exist."""

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        ...


class LiveProgress:
    """Shows one status after the other: redrawn in a terminal, as changed lines elsewhere.

    Args:
        console: Where to draw; its ``is_terminal`` decides how.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        beginning = Text("Checking the sweep file, preparing the data ...")
        self._live = Live(beginning, console=console, auto_refresh=False, transient=True)
        self._last_said: object = None
        self._last_line_s = float("-inf")

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start(refresh=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def say(self, line: str) -> None:
        """Print a line that stays, above the display."""
        self._console.print(line)

    def show(self, status: Status) -> None:
        """Draw a status."""
        document = status.to_json()
        if self._console.is_terminal:
            self._live.update(live_view(document), refresh=True)
        else:
            self._show_line(document)

    def _show_line(self, document: Document) -> None:
        kinds = (document["trials"], document.get("finetuning") or {})
        counts = [{state: kind.get(state, 0) for state in ENDED} for kind in kinds]
        said = counts, waiting_lines(document)
        waited_s = time.monotonic() - self._last_line_s
        if said != self._last_said or waited_s >= PLAIN_INTERVAL_S:
            self._console.print(plain_line(document))
            self._last_said, self._last_line_s = said, time.monotonic()


@contextmanager
def step_display(console: Console) -> Iterator[Callable[[str], None]]:
    """Show what a long command is doing: the last step in a terminal, all of them elsewhere.

    Args:
        console: Where to draw.

    Yields:
        What to call with each step.
    """
    if not console.is_terminal:
        yield console.print
        return
    with console.status("starting") as status:
        yield lambda step: status.update(Text(step))


def live_view(document: Document) -> RenderableType:
    """Lay out counts, workers, what was shared, and the best so far."""
    parts: list[RenderableType] = [counts_line(document), progress_bar(document)]
    if document.get("workers"):
        parts.append(worker_table(document["workers"]))
    parts += [Text(line, style="bold red") for line in waiting_lines(document)]
    shared = shared_line(document)
    if shared:
        parts.append(Text(shared, style="dim"))
    parts.append(Text(best_line(document)))
    return Group(*parts)


def summary(document: Document) -> RenderableType:
    """Say in two lines how a sweep stands, and in one more of each worker that waits."""
    state = Text(f", {document['state']}" if document["state"] != "running" else "")
    waiting = [Text(line) for line in waiting_lines(document)]
    return Group(counts_line(document) + state, Text(best_line(document)), *waiting)


def plain_line(document: Document) -> str:
    """Say in one line what the live view says in many."""
    parts = [counts_line(document).plain, best_line(document), *_busy(document)]
    parts += waiting_lines(document)
    return " | ".join(part for part in parts if part)


def counts_line(document: Document) -> Text:
    """``blood-cells: 12 of 40 trials done (3 pruned, 1 failed), 2 running, 14 min left``."""
    counts = document["trials"]
    done = sum(counts.get(state, 0) for state in ENDED)
    kinds = ", ".join(f"{counts[s]} {s}" for s in ("pruned", "failed") if counts.get(s))
    text = f"{document['sweep']}: {done} of {document['budget']['trials']} trials done"
    text += f" ({kinds})" if kinds else ""
    text += f", {counts['running']} running" if counts.get("running") else ""
    text += finetuned_text(document.get("finetuning") or {})
    left_s = document.get("seconds_left")
    return Text(text + (f", {duration(left_s)} left" if left_s else ""), style="bold")


def finetuned_text(counts: Mapping[str, int]) -> str:
    """``, 3 fine-tuned, 1 being fine-tuned``; empty as long as there is nothing to say."""
    ended = sum(counts.get(state, 0) for state in ENDED)
    text = f", {ended} fine-tuned" if ended else ""
    running = counts.get("running", 0)
    return text + (f", {running} being fine-tuned" if running else "")


def progress_bar(document: Document) -> RenderableType:
    """Draw the share of the budget's trials that have ended, on a line of its own."""
    done = sum(document["trials"].get(state, 0) for state in ENDED)
    line = Table.grid()
    line.add_row(ProgressBar(total=document["budget"]["trials"] or 1, completed=done, width=60))
    return line


def best_line(document: Document) -> str:
    """Say the best score so far, what reached it, and how sure that is."""
    best = document.get("best")
    if not best:
        return "no score yet"
    kinds = [kind for kind in ("clean", "shifted") if best.get(kind) is not None]
    scores = ", ".join(f"{kind} {number(best[kind])}" for kind in kinds)
    tuned = ", fine-tuned" if best.get("stage") == "finetune" else ""
    line = f"best: trial {best['trial']} with {number(best['score'])} ({scores}{tuned})"
    if not best.get("interval"):
        return line
    chosen = f"optimistic, the best of {document['trials']['done']}"
    return f"{line}, {interval_text(best['interval'])} ({chosen})"


def interval_text(interval: Sequence[float]) -> str:
    """Write an interval of 95 %: ``95 % interval 0.5912 to 0.6333``."""
    low, high = interval
    return f"95 % interval {number(low)} to {number(high)}"


def shared_line(document: Document) -> str:
    """Say what was made and what was reused; empty if the status does not carry it."""
    kinds = document.get("shared") or {}
    return "; ".join(
        f"{kind}: " + ", ".join(f"{count} {how}" for how, count in counts.items())
        for kind, counts in kinds.items()
    )


def worker_table(workers: Iterable[Document]) -> Table:
    """Give each worker a row: its trial, stage, epoch and the score of each fold."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("worker", "trial", "stage", "epoch", "folds", "score"):
        table.add_column(heading)
    for worker in workers:
        table.add_row(
            _name(worker),
            _or_dash(worker.get("trial")),
            _or_dash(worker.get("stage")),
            _epoch(worker),
            fold_scores(worker.get("folds")),
            number(worker.get("score")),
        )
    return table


def waiting_lines(document: Document) -> list[str]:
    """Say of each worker that is paused what it waits for: ``here-1 is waiting: the disk ...``."""
    workers = document.get("workers") or ()
    return [f"{_name(w)} is waiting: {w['waiting']}" for w in workers if w.get("waiting")]


def fold_scores(folds: Any) -> str:
    """Write the scores of folds in their order, from a list or a mapping by fold."""
    if isinstance(folds, Mapping):
        folds = [folds[fold] for fold in sorted(folds, key=int)]
    return " ".join(number(score) for score in folds or ())


def number(value: float | None) -> str:
    """Write a score with four digits, a dash for none."""
    return "-" if value is None or value != value else f"{value:.4f}"


def duration(seconds: float | None) -> str:
    """Write a time as people say it: ``45 s``, ``12 min``, ``3 h 20 min``."""
    if seconds is None:
        return "-"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def _name(worker: Document) -> str:
    """Name a worker by host and process, without what only programs need."""
    return str(worker["id"]).rpartition("-")[0]


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)


def _epoch(worker: Document) -> str:
    """Count epochs as people do, from one."""
    return "-" if worker.get("epoch") is None else str(worker["epoch"] + 1)


def _busy(document: Document) -> list[str]:
    return [
        f"trial {worker['trial']} {worker['stage']} epoch {_epoch(worker)}"
        for worker in document.get("workers") or ()
        if worker.get("epoch") is not None
    ]
