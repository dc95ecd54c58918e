"""How far a command has come that goes through many things, one after the other."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

PLAIN_INTERVAL_S = 30.0


@contextmanager
def count_display(console: Console, noun: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar in a terminal, and a line every half minute elsewhere.

    Args:
        console: Where to draw.
        noun: What is counted, in the plural.
        total: How many there are.

    Yields:
        What to call with how many are done.
    """
    if not console.is_terminal:
        yield _plain_lines(console, noun, total)
        return
    columns = (MofNCompleteColumn(), TextColumn(noun), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(noun, total=total)
        yield lambda done: bar.update(task, completed=done)


def _plain_lines(console: Console, noun: str, total: int) -> Callable[[int], None]:
    last_said_s = time.monotonic()

    def say(done: int) -> None:
        nonlocal last_said_s
        now_s = time.monotonic()
        if now_s - last_said_s >= PLAIN_INTERVAL_S:
            console.print(f"{done:,} of {total:,} {noun}")
            last_said_s = now_s

    return say
