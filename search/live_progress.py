"""Shows how a sweep gets on while it runs: in a terminal, in a notebook, or as lines elsewhere."""

import io
import time
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from search.fitting import one_line
from search.live_view import LiveView
from search.progress import (
    ENDED,
    ENDINGS,
    Document,
    failure_lines,
    plain_line,
    waiting_lines,
)

PLAIN_INTERVAL_S = 60.0
NOTEBOOK_COLUMNS, NOTEBOOK_LINES = 110, 60
BEGINNING = "Checking the sweep file, preparing the data ..."


class Status(Protocol):
    """A sweep at a moment: :class:`search.status.SweepStatus`, which loads a database to exist."""

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        ...


class LiveProgress:
    """Shows one status after the other: redrawn in a terminal or notebook, as lines elsewhere.

    A context manager. Lines come when something has changed: a trial has ended or failed, a worker
    waits, or, once a minute, anything else.

    Args:
        console: Where to draw; what it writes to decides how. None for where this process prints.
    """

    def __init__(self, console: Console | None = None) -> None:
        console = console or Console(highlight=False, markup=False, emoji=False)
        self._display: _Display
        if console.is_jupyter:
            self._display = _Cell()
        elif console.is_terminal and not console.is_dumb_terminal:
            self._display = _Screen(console)
        else:
            self._display = _Lines(console)

    def __enter__(self) -> Self:
        self._display.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._display.stop()

    def say(self, line: str) -> None:
        """Print a line that stays, above the display."""
        self._display.say(line)

    def show(self, status: Status) -> None:
        """Draw a status."""
        self._display.show(status.to_json())


class _Display(Protocol):
    def start(self) -> None: ...

    def stop(self) -> None: ...

    def say(self, line: str) -> None: ...

    def show(self, document: Document) -> None: ...


class _Screen:
    """A terminal, whose lower part is drawn anew each time, and is empty at the end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(Text(BEGINNING), console=console, auto_refresh=False, transient=True)

    def start(self) -> None:
        self._live.start(refresh=True)

    def stop(self) -> None:
        self._live.stop()

    def say(self, line: str) -> None:
        self._console.print(line)

    def show(self, document: Document) -> None:
        self._live.update(LiveView(document), refresh=True)


class _Cell:
    """One output of a notebook's cell, which is replaced: it holds what was shown last."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self._shown = BEGINNING
        self._output: Any = None

    def start(self) -> None:
        from IPython.display import display

        self._output = display(self._bundle(), raw=True, display_id=True)

    def stop(self) -> None:
        """Leave the last status where it is."""

    def say(self, line: str) -> None:
        self._said.append(one_line(line))
        self._update(self._shown)

    def show(self, document: Document) -> None:
        page = Console(
            file=io.StringIO(),
            width=NOTEBOOK_COLUMNS,
            height=NOTEBOOK_LINES,
            force_jupyter=False,
            force_terminal=False,
        )
        with page.capture() as text:
            page.print(LiveView(document))
        self._update("\n".join(line.rstrip() for line in text.get().splitlines()))

    def _update(self, shown: str) -> None:
        before, self._shown = self._bundle(), shown
        if self._bundle() != before:
            self._output.update(self._bundle(), raw=True)

    def _bundle(self) -> dict[str, str]:
        return {"text/plain": "\n".join([*self._said, self._shown])}


class _Lines:
    """A pipe or a file: a line each for what has changed, without control characters."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last_said: object = None
        self._last_line = ""
        self._last_failures: tuple[str, ...] = ()
        self._last_line_s = float("-inf")

    def start(self) -> None:
        """Say nothing: there is no status yet."""

    def stop(self) -> None:
        """Leave the lines."""

    def say(self, line: str) -> None:
        # What reads a pipe breaks lines itself.
        self._console.print(Text(one_line(line)), soft_wrap=True)

    def show(self, document: Document) -> None:
        kinds = (document["trials"], document.get("finetuning") or {})
        counts = [{state: kind.get(state, 0) for state in ENDED} for kind in kinds]
        ending = document["state"] if document["state"] in ENDINGS else None
        said = ending, counts, waiting_lines(document)
        line = plain_line(document)
        waited_s = time.monotonic() - self._last_line_s
        if said != self._last_said or (line != self._last_line and waited_s >= PLAIN_INTERVAL_S):
            self.say(line)
            self._last_said, self._last_line = said, line
            self._last_line_s = time.monotonic()
        self._show_failures(document)

    def _show_failures(self, document: Document) -> None:
        """Say what failed since the last look."""
        timeless = {**document, "read_at": None}
        failures = tuple(failure_lines(timeless))
        for line in failures:
            if line not in self._last_failures:
                self.say(line)
        self._last_failures = failures
