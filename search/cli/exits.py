"""What a process ends with: its exit code, and what it says about why."""

import traceback
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Never

import click

from spaces.errors import FoldsweepError, RefusedError, TrialError

DONE, REFUSED, WRONG_INPUT, BUG, INTERRUPTED = 0, 1, 2, 70, 130


class ExitCodes(AbstractContextManager[None]):
    """Turns whatever leaves the block into an exit code, and says it on standard error."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Say what happened and raise SystemExit, if anything was raised."""
        if error is not None and not isinstance(error, SystemExit | GeneratorExit):
            _leave(error)


def _leave(error: BaseException) -> Never:
    match error:
        case click.exceptions.Exit():
            code = error.exit_code
        case KeyboardInterrupt() | click.Abort():
            code = INTERRUPTED
        case click.exceptions.NoArgsIsHelpError():
            error.show()
            code = WRONG_INPUT
        case click.ClickException():
            sentence = error.format_message()
            sentence += "" if sentence.endswith((".", "?")) else "."
            code = _say(f"Error: {sentence}{_where_to_read(error)}", WRONG_INPUT)
        case RefusedError() | TrialError():
            code = _say(f"Refused: {error}", REFUSED)
        case FoldsweepError():
            code = _say(f"Error: {error}", WRONG_INPUT)
        case BrokenPipeError():
            code = REFUSED
        case _:
            traceback.print_exception(error)
            code = _say("This is a bug in foldsweep: please report it with the lines above.", BUG)
    raise SystemExit(code) from None


def _where_to_read(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f" See '{context.command_path} --help'." if context else ""


def _say(text: str, code: int) -> int:
    click.echo(text, err=True)
    return code
