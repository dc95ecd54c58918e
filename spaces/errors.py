"""One error class per reaction of the caller, all under one root."""

from collections.abc import Iterable
from difflib import get_close_matches


class FoldsweepError(Exception):
    """The root: an error whose message is for the person, without a traceback."""


class InputError(FoldsweepError):
    """Fix the sweep file, the data or the command, then run it again."""


class UnavailableError(FoldsweepError):
    """A storage, a server or a disk did not answer: nothing is wrong with the input, retry."""


class DiskFullError(UnavailableError):
    """The disk has no room: give the trial back, wait until there is some, then go on."""


class TrialError(FoldsweepError):
    """Give up on this trial and go on with the sweep."""


class RefusedError(FoldsweepError):
    """A gate or a check said no."""


def unknown_name(kind: str, name: str, known: Iterable[str], advice: str = "") -> InputError:
    """Say what was unknown, the nearest known names first, and what to do next.

    Args:
        kind: What the name names, such as ``"backbone"``.
        name: The value as it was received.
        known: All names that would have been accepted.
        advice: A sentence with the next step.

    Returns:
        The error, to be raised by the caller.
    """
    names = sorted(known)
    near = get_close_matches(name, names, n=3, cutoff=0.4)
    shown = near + [known_name for known_name in names if known_name not in near]
    text = ", ".join(shown[:8]) + (", ..." if len(shown) > 8 else "")
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return InputError(f"unknown {kind} {name!r}; known: {text}.{hint} {advice}".rstrip())
