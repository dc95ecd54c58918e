"""A storage that does not answer for a while: wait, and give up only after minutes."""

import logging
import time

from spaces.errors import UnavailableError
from spaces.redact import redact

PATIENCE_S = 300.0
RETRY_EVERY_S = 2.0

_logger = logging.getLogger(__name__)


class Outage:
    """Measures how long a storage has not answered, over calls that are made again and again."""

    def __init__(self) -> None:
        self._since_s: float | None = None

    def wait(self, error: Exception) -> None:
        """Pause after a call that failed.

        Raises:
            UnavailableError: If the storage has not answered for five minutes.
        """
        now_s = time.monotonic()
        self._since_s = self._since_s or now_s
        reason = redact(" ".join(str(error.__cause__ or error).split()))
        if now_s - self._since_s > PATIENCE_S:
            raise UnavailableError(
                f"the storage has not answered for {PATIENCE_S / 60:.0f} minutes: {reason}. "
                "Launch again when it does; nothing is lost."
            ) from None
        _logger.warning("the storage does not answer, trying again: %s", reason)
        time.sleep(RETRY_EVERY_S)

    def over(self) -> None:
        """Note that the storage has answered."""
        self._since_s = None
