"""Results on their way to MLflow: written to disk at once, sent in the background.

Training never waits for MLflow and never fails because of it. What a process could not send, a
later one sends with :func:`drain`.
"""

import logging
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from filelock import FileLock, Timeout

from mlruns_config.dataset import DatasetInfo
from mlruns_config.outbox.journal import Journal
from mlruns_config.outbox.messages import Kind, Message, RunReference
from mlruns_config.outbox.rejected import has_rejected
from mlruns_config.outbox.sender import Sender
from mlruns_config.settings import TrackingSettings
from spaces.errors import InputError, UnavailableError
from spaces.redact import redact

_logger = logging.getLogger(__name__)
_OWNER_LOCK = "owner.lock"
RunEnd = Literal["FINISHED", "FAILED", "KILLED"]


class Outbox:
    """The spool of one process: a folder that no other process uses at the same time."""

    def __init__(
        self,
        settings: TrackingSettings,
        folder: Path,
        *,
        on_run: Callable[[str, str], None] | None = None,
    ):
        """Take the folder and send what an earlier owner left in it.

        Args:
            settings: The MLflow to send to; it need not be there yet.
            folder: One for each process; those of one sweep lie side by side in one parent.
            on_run: Told key and run id, from the sender's thread, when a run is known. If it
                raises, it is called again.

        Raises:
            UnavailableError: If another process has the folder.
        """
        self._folder = folder
        self._owner = _owner_lock(folder)
        try:
            self._owner.acquire(timeout=0)
        except Timeout:
            raise UnavailableError(
                f"the spool folder {folder} belongs to a running process; give every worker its own"
            ) from None
        self._journal = Journal(folder)
        self._sender = Sender(settings, self._journal, on_run=on_run)
        self._sender.start()

    def open_run(
        self, experiment: str, key: str, name: str, *, run_id: str | None = None
    ) -> "RunSpool":
        """Begin a run, or go on with it: MLflow gets exactly one run for each key.

        A run that exists is set back to RUNNING and keeps its params and metrics.

        Args:
            experiment: The experiment's name; it is created if it does not exist.
            key: Unique among all trials, such as ``"<sweep id>/<trial number>"``.
            name: What a person reads in the list of runs.
            run_id: The run to go on with, if it is known; else it is found by its key.

        Raises:
            InputError: If the key holds a quote or a backslash, which no search could find.
        """
        if not key or any(character in key for character in "'\"`\\\n"):
            raise InputError(f"a run's key must be without quotes and backslashes, got {key!r}")
        run = RunReference(experiment, key, name, run_id, opened_ms=_now_ms())
        spool = RunSpool(self._journal, run)
        spool.write("open", {}, durable=True)
        self._sender.notify()
        return spool

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything was sent, or for ``timeout_s``; True if it was."""
        return self._sender.flush(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Send what is left and give the folder back; True if everything was sent."""
        deadline_s = time.monotonic() + timeout_s
        flushed = self._sender.flush(timeout_s)
        self._sender.stop()
        self._sender.join(timeout=max(deadline_s - time.monotonic(), 1.0))
        self._journal.close()
        # A sender that hangs in a request still uses the folder: it stays locked while we live.
        if not self._sender.is_alive():
            _give_back(self._folder, self._journal, self._owner)
        return flushed


class RunSpool:
    """What is to be known about one run; every call writes to disk and returns at once."""

    def __init__(self, journal: Journal, run: RunReference):
        self._journal = journal
        self._run = run

    def params(self, values: Mapping[str, Any]) -> None:
        """Set params; one that the run has stays as it is. Passwords in URLs are hidden."""
        self.write("params", _plain_texts(values), durable=True)

    def tags(self, values: Mapping[str, Any]) -> None:
        """Set tags; passwords in URLs are hidden."""
        self.write("tags", _plain_texts(values), durable=True)

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Add one value to each of these metrics, at the present time.

        Args:
            values: Numbers; nan and infinities are numbers too.
            step: Where the values stand on the charts' axis, such as the epoch.
        """
        numbers = {name: _plain_number(value) for name, value in values.items()}
        self.write("metrics", {"step": int(step), "values": numbers}, durable=False)

    def dataset(self, info: DatasetInfo) -> None:
        """Name the data set that the run learns from."""
        body = {**asdict(info), "source": redact(info.source)}
        self.write("dataset", body, durable=True)

    def artifact(self, path: Path, folder: str = "") -> None:
        """Keep a file with the run; it is copied at once, and the original may change after.

        Args:
            path: A file; if it can't be copied, that is logged and the run goes without it.
            folder: Where among the run's artifacts, such as ``"curves"``.

        Raises:
            ValueError: If ``folder`` leaves the run's artifacts.
        """
        place = PurePosixPath(folder)
        if place.is_absolute() or ".." in place.parts:
            raise ValueError(f"an artifact's folder lies inside its run, got {folder!r}")
        try:
            copy = self._journal.keep_file(path)
        except OSError as error:
            _logger.error("artifact %s of run %s is lost: %s", path, self._run.name, error)
            return
        self.write("artifact", {"file": copy, "folder": folder}, durable=True)

    def finish(self, status: RunEnd = "FINISHED") -> None:
        """End the run; all that was written before is on the disk when this returns."""
        self.write("finish", {"status": status}, durable=True)

    def write(self, kind: Kind, body: Mapping[str, Any], *, durable: bool) -> None:
        """Spool one message of this run."""
        self._journal.append(Message(self._run, kind, body, _now_ms()), durable=durable)


def drain(
    settings: TrackingSettings,
    folder: Path,
    timeout_s: float,
    *,
    on_run: Callable[[str, str], None] | None = None,
) -> int:
    """Send what processes that no longer live left behind.

    Args:
        settings: The MLflow to send to.
        folder: A spool folder, or the parent of several.
        timeout_s: For all of them together.
        on_run: As for :class:`Outbox`.

    Returns:
        The number of messages that still wait; those of living processes don't count.
    """
    deadline_s = time.monotonic() + timeout_s
    locks = sorted([*folder.glob(_OWNER_LOCK), *folder.glob(f"*/{_OWNER_LOCK}")])
    return sum(_drain_one(settings, lock.parent, deadline_s, on_run) for lock in locks)


def _drain_one(
    settings: TrackingSettings,
    folder: Path,
    deadline_s: float,
    on_run: Callable[[str, str], None] | None,
) -> int:
    owner = _owner_lock(folder)
    try:
        owner.acquire(timeout=0)
    except Timeout:
        return 0
    journal = Journal(folder)
    if journal.is_empty():
        _give_back(folder, journal, owner)
        return 0
    sender = Sender(
        settings, journal, on_run=on_run, on_end=lambda: _give_back(folder, journal, owner)
    )
    sender.start()
    sender.flush(max(deadline_s - time.monotonic(), 0.0))
    sender.stop()
    sender.join(timeout=1.0)
    return journal.unsent()


def _owner_lock(folder: Path) -> FileLock:
    folder.mkdir(parents=True, exist_ok=True)
    # Taken in one thread and given back in another.
    return FileLock(folder / _OWNER_LOCK, thread_local=False)


def _give_back(folder: Path, journal: Journal, owner: FileLock) -> None:
    """Remove a spool in which nothing waits, and let others have the folder."""
    if journal.is_empty() and not has_rejected(folder):
        shutil.rmtree(folder, ignore_errors=True)
    owner.release()


def _plain_texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: redact(str(value)) for name, value in values.items()}


def _plain_number(value: Any) -> Any:
    """Make a number of Python out of numpy's; leave what is none for MLflow to refuse."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return repr(value)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
