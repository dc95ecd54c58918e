"""Looks at a sweep again and again, until there is nothing more to see."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.status import SweepStatus

REFRESH_S = 2.0
GRACE_S = 30.0
"""How long a watched sweep may be without a worker: before the first one, or between two."""


def looks(
    read: "Callable[[], SweepStatus]", *, grace_s: float = GRACE_S, refresh_s: float = REFRESH_S
) -> "Iterator[SweepStatus]":
    """Yield how a sweep stands until it has ended, or nobody works on it any more.

    Args:
        read: Gives the present status.
        grace_s: For how long it may be without a worker, before the first one too.
        refresh_s: How long to wait between two looks.
    """
    worked_at_s = time.monotonic()
    while True:
        status = read()
        yield status
        if status.state in ("running", "stopping"):
            worked_at_s = time.monotonic()
        elif status.state in ("done", "stopped") or time.monotonic() - worked_at_s >= grace_s:
            return
        time.sleep(refresh_s)
