"""Something that is done again and again in a thread of its own, until its block ends."""

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

_logger = logging.getLogger(__name__)


class Periodic:
    """Calls a function every so many seconds while its ``with`` block runs.

    Args:
        action: Is called in the thread; True ends the calls. What it raises is logged, and ends
            them too: an action that should survive an error handles it itself.
        every_s: Pause between two calls in seconds.
        name: Of the thread, as logs and debuggers show it.
        at_once: True for a first call without a pause before it.
        join_timeout_s: How long the end of the block waits for a call that is under way.
    """

    def __init__(
        self,
        action: Callable[[], bool | None],
        *,
        every_s: float,
        name: str,
        at_once: bool = False,
        join_timeout_s: float = 10.0,
    ) -> None:
        self._action = action
        self._every_s = every_s
        self._first_pause_s = 0.0 if at_once else every_s
        self._join_timeout_s = join_timeout_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End, after the call that is under way."""
        self._stop.set()
        self._thread.join(timeout=self._join_timeout_s)

    def _run(self) -> None:
        pause_s = self._first_pause_s
        while not self._stop.wait(pause_s):
            # The thread's edge: what ends it must be heard of.
            try:
                if self._action():
                    return
            except Exception:
                _logger.exception("the thread %s has ended", self._thread.name)
                return
            pause_s = self._every_s
