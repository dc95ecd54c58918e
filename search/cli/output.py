"""Standard output carries results alone: with ``--json``, one document and nothing else."""

import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from typing import Any, TextIO, TypeVar

import click
from rich.console import Console

PIPE_COLUMNS = 200
KERNEL_VARIABLE = "JPY_PARENT_PID"
"""Is set in what the kernel of a notebook starts."""
Function = TypeVar("Function", bound=Callable[..., Any])

json_option: Callable[[Function], Function] = click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON document on standard output, and nothing else there.",
)


def terminal() -> Console:
    """Make the console for people's results on standard output."""
    return _console(sys.stdout)


def side_terminal() -> Console:
    """Make the console for progress and hints, on standard error."""
    return _console(sys.stderr)


def print_json(document: Mapping[str, Any] | list[Any]) -> None:
    """Print one document; numbers that JSON does not know (nan, inf) become null."""
    click.echo(json.dumps(_plain(document), indent=2, allow_nan=False, default=str))


def print_json_line(document: Mapping[str, Any]) -> None:
    """Print one document of several, on a line of its own."""
    click.echo(json.dumps(_plain(document), allow_nan=False, default=str))


@contextmanager
def quiet_stdout() -> Iterator[None]:
    """Send to standard error whatever libraries and child processes print in this block.

    Their C code writes to file descriptor 1 past Python, so the descriptor moves too.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _console(file: TextIO) -> Console:
    # Where there is no terminal, no line is broken and nothing controls one, whatever FORCE_COLOR
    # says: another program may read it. `!foldsweep ...` in a notebook only looks like a terminal.
    is_screen = file.isatty() and KERNEL_VARIABLE not in os.environ
    return Console(
        file=file,
        width=None if file.isatty() else PIPE_COLUMNS,
        force_terminal=None if is_screen else False,
        highlight=False,
        markup=False,
        emoji=False,
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
