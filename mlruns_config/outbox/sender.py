"""The background thread that brings a spool to MLflow."""

import logging
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

from mlruns_config.client import check_reachable
from mlruns_config.outbox.journal import Journal
from mlruns_config.outbox.messages import Message
from mlruns_config.outbox.rejected import set_aside
from mlruns_config.settings import TrackingSettings, prepare_sending
from spaces.redact import redact

_logger = logging.getLogger(__name__)
_LINGER_S = 1.0
"""How long messages gather before they are sent together."""
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
_ATTEMPTS_BEFORE_DOUBT = 8
_REMINDER_S = 300.0


class Sender(threading.Thread):
    """Takes segments off a journal one by one; a segment goes when all of it was sent."""

    def __init__(
        self,
        settings: TrackingSettings,
        journal: Journal,
        *,
        on_run: Callable[[str, str], None] | None = None,
        on_end: Callable[[], None] | None = None,
    ):
        super().__init__(name="foldsweep-outbox", daemon=True)
        prepare_sending()
        # It imports mlflow, which takes seconds, and must not meet the import of the caller's own
        # libraries half-way: two threads that import mlflow at once break it.
        from mlruns_config.outbox.delivery import Delivery

        self._connect = Delivery
        self._settings = settings
        self._journal = journal
        self._on_run = on_run
        self._on_end = on_end
        self._delivery: Delivery | None = None
        self._wake = threading.Event()
        self._stopping = False
        self._failures = 0
        self._next_report_s = 0.0

    def notify(self) -> None:
        """Send now, even while waiting after a failure."""
        self._wake.set()

    def stop(self) -> None:
        """End after the segment in hand."""
        self._stopping = True
        self._wake.set()

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything was sent; False if that took too long."""
        deadline_s = time.monotonic() + timeout_s
        self.notify()
        while not self._journal.is_empty():
            if time.monotonic() >= deadline_s or not self.is_alive():
                return False
            if self._failures == 0:
                self.notify()
            time.sleep(0.02)
        return True

    def run(self) -> None:
        """Send until stopped."""
        try:
            while not self._stopping:
                self._send_all()
                self._wake.wait(self._pause_s())
                self._wake.clear()
        finally:
            if self._on_end is not None:
                self._on_end()

    def _send_all(self) -> None:
        while not self._stopping and self._sent_one():
            pass

    def _sent_one(self) -> bool:
        """Send the oldest segment; False if there is none, or it could not be sent."""
        # The thread's edge: whatever the disk, MLflow, its plugins or on_run raise, the thread must
        # live, or all later results would stay behind.
        try:
            segment = self._journal.oldest()
            if segment is None:
                return False
            self._send_segment(segment)
        except Exception as error:  # noqa: BLE001
            self._report_failure(error)
            return False
        self._report_success()
        return True

    def _send_segment(self, segment: Path) -> None:
        check_reachable(self._settings)
        if self._delivery is None:
            self._delivery = self._connect(self._settings, self._journal.folder, self._on_run)
        strict = self._failures >= _ATTEMPTS_BEFORE_DOUBT and self._delivery.answers()
        self._delivery.send(self._read(segment), strict=strict)
        segment.unlink()

    def _read(self, segment: Path) -> list[Message]:
        messages = []
        for line in filter(None, segment.read_bytes().split(b"\n")):
            try:
                messages.append(Message.from_line(line))
            except ValueError as error:
                text = line.decode(errors="replace")
                set_aside(self._journal.folder, "line", segment.stem, text, str(error))
        return messages

    def _pause_s(self) -> float:
        if self._failures == 0:
            return _LINGER_S
        wait_s = min(_FIRST_WAIT_S * 2.0 ** (self._failures - 1), _LONGEST_WAIT_S)
        return wait_s * random.uniform(0.5, 1.0)

    def _report_failure(self, error: BaseException) -> None:
        self._failures += 1
        now_s = time.monotonic()
        if now_s < self._next_report_s:
            return
        self._next_report_s = now_s + _REMINDER_S
        reason = redact(f"{type(error).__name__}: {error}", self._settings.uri)[:500]
        _logger.warning(
            "nothing is lost, but the results do not reach MLflow now (%s); they wait in %s",
            reason,
            self._journal.folder,
        )

    def _report_success(self) -> None:
        if self._failures:
            _logger.warning("MLflow takes the results again")
        self._failures = 0
        self._next_report_s = 0.0
