"""A call that a database did not answer is made again, for minutes, before anything is given up."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Never, TypeVar

import tenacity

from search.storage.failures import is_passing
from spaces.errors import UnavailableError
from spaces.redact import redact

PATIENCE_S = 300.0
LONGEST_PAUSE_S = 2.0
REMINDER_S = 30.0

_logger = logging.getLogger(__name__)
T = TypeVar("T")


class Retrying:
    """Makes calls again while their errors are such as pass.

    Args:
        patience_s: How long one call is tried.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._inside = threading.local()
        self._last_warning_s = float("-inf")
        self.failures = 0
        """How many calls have failed so far: whoever watches others starts anew after one."""

    def __call__(self, call: Callable[[], T]) -> T:
        """Make a call until it succeeds.

        Args:
            call: May be made any number of times: that it failed does not say that it did nothing.

        Raises:
            UnavailableError: If it has failed for as long as the patience lasts.
        """
        if getattr(self._inside, "call", False):
            return call()  # Part of a larger one, which is made again as a whole.
        self._inside.call = True
        try:
            return tenacity.Retrying(
                retry=tenacity.retry_if_exception(is_passing),
                wait=tenacity.wait_random_exponential(multiplier=0.05, max=LONGEST_PAUSE_S),
                stop=tenacity.stop_after_delay(self._patience_s),
                sleep=time.sleep,
                before_sleep=self._note_failure,
                retry_error_callback=self._give_up,
            )(call)
        finally:
            self._inside.call = False

    @contextmanager
    def impatient(self) -> Iterator[None]:
        """Let the calls of this thread fail at once in this block, with their own errors."""
        self._inside.call = True
        try:
            yield
        except Exception as error:
            self.failures += is_passing(error)
            raise
        finally:
            self._inside.call = False

    def _note_failure(self, state: tenacity.RetryCallState) -> None:
        self.failures += 1
        now_s = time.monotonic()
        if now_s - self._last_warning_s >= REMINDER_S:
            self._last_warning_s = now_s
            _logger.warning("the storage does not answer, trying again: %s", _reason(state))

    def _give_up(self, state: tenacity.RetryCallState) -> Never:
        raise UnavailableError(
            f"the storage has not answered for {self._patience_s / 60:.0f} minutes: "
            f"{_reason(state)}. Launch again when it does; nothing is lost."
        ) from None


def _reason(state: tenacity.RetryCallState) -> str:
    error = state.outcome.exception() if state.outcome else None
    cause = getattr(error, "__cause__", None) or error
    text = " ".join(str(getattr(cause, "orig", None) or cause).split())
    return redact(text)[:300]
