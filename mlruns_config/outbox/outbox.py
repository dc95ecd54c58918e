"""Results on their way to MLflow: written to disk at once, sent in the background.

Training never waits for MLflow and never fails because of it; only a full disk stops it. What a
process could not send, another one sends with :func:`drain`.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from mlruns_config.client import check_reachable
from mlruns_config.dataset import DatasetInfo
from mlruns_config.outbox.journal import Journal
from mlruns_config.outbox.messages import Kind, Message, Phase, RunReference
from mlruns_config.outbox.ownership import spool_folders
from mlruns_config.outbox.sender import Sender
from mlruns_config.outbox.spool import take, take_over
from mlruns_config.settings import TrackingSettings
from spaces.errors import InputError, UnavailableError
from spaces.redact import redact

_logger = logging.getLogger(__name__)
_LAST_WORD_S = 0.3
"""How long a sender may take after its time to end in order."""
RunEnd = Literal["FINISHED", "FAILED", "KILLED", "SCHEDULED"]
"""MLflow's own words; SCHEDULED is a trial that was given back and waits for a worker."""


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
            DiskFullError: If the disk is full.
            UnavailableError: If another process has the folder, or it can't be written.
        """
        self._spool = take(folder)
        self._journal = self._spool.journal
        self._sender = Sender(settings, self._journal, on_run=on_run)
        self._sender.start()

    def open_run(
        self,
        experiment: str,
        key: str,
        name: str,
        *,
        attempt: int,
        phase: Phase = "head",
        began_ms: int | None = None,
        run_id: str | None = None,
    ) -> "RunSpool":
        """Begin a run, or go on with it: MLflow gets exactly one run for each key.

        A run that exists keeps its params and metrics. A later attempt at a phase than the run's
        takes it over and sets it to RUNNING; from then on, of what earlier attempts at that phase
        say only metrics with a time of the storage arrive. What an earlier phase still says arrives
        after a later one has begun, but for the run's state. So whoever ends the run of a worker
        that died opens it as the attempt after. MLflow cannot take a time of end back: a run that
        had ended shows it until it ends again.

        Args:
            experiment: The experiment's name; it is created if it does not exist.
            key: Unique among all trials, such as ``"<sweep id>/<trial number>"``.
            name: What a person reads in the list of runs.
            attempt: Which claim of the phase this is, as the storage counts them; at least 0.
            phase: What this process is to do of the trial.
            began_ms: When the trial first began, in milliseconds since 1970; a run that is new to
                MLflow starts there. Now, if not given.
            run_id: The run to go on with, if it is known; else it is found by its key.

        Raises:
            InputError: If the key holds a quote or a backslash, which no search could find.
        """
        if not key or any(character in key for character in "'\"`\\\n"):
            raise InputError(f"a run's key must be without quotes and backslashes, got {key!r}")
        began_ms = _now_ms() if began_ms is None else began_ms
        run = RunReference(experiment, key, name, run_id, attempt, began_ms, phase)
        spool = RunSpool(self._journal, run)
        spool.write("open", {}, durable=True)
        self._sender.notify()
        return spool

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything was sent, or for ``timeout_s``; True if it was."""
        return self._sender.flush(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Send what is left and give the folder back, in ``timeout_s`` and half a second at most.

        Returns:
            True if everything was sent; what was not is on the disk for :func:`drain`.
        """
        deadline_s = time.monotonic() + timeout_s
        is_sent = self._sender.flush(timeout_s)
        _end(self._sender, deadline_s)
        try:
            self._journal.seal()
        except OSError as error:
            _logger.warning("the spool for MLflow is not known to be on the disk: %s", error)
        # A sender that hangs in a request still uses the folder: it stays locked while we live.
        if not self._sender.is_alive():
            self._spool.give_back()
        return is_sent


class RunSpool:
    """What is to be known about one run; every call writes to disk and returns at once.

    Every call raises DiskFullError if the disk is full and UnavailableError if the spool can't be
    written for another reason. Nothing of that message is kept then; all before it is.
    """

    def __init__(self, journal: Journal, run: RunReference):
        self._journal = journal
        self._run = run

    def params(self, values: Mapping[str, Any]) -> None:
        """Set params; one that the run has stays as it is. Passwords in URLs are hidden."""
        self.write("params", _plain_texts(values), durable=True)

    def tags(self, values: Mapping[str, Any]) -> None:
        """Set tags; passwords in URLs are hidden."""
        self.write("tags", _plain_texts(values), durable=True)

    def metrics(
        self, values: Mapping[str, float], step: int = 0, *, time_ms: int | None = None
    ) -> None:
        """Add one value to each of these metrics.

        Args:
            values: Numbers; nan and infinities are numbers too.
            step: Where the values stand on the charts' axis, such as the epoch.
            time_ms: When the storage took them, in milliseconds since 1970: with the same time,
                sending again adds nothing. Without it they are of the present, and are left out
                once a later attempt has begun.
        """
        numbers = {name: _plain_number(value) for name, value in values.items()}
        body = {"step": int(step), "values": numbers, "stored": time_ms is not None}
        self.write("metrics", body, durable=False, time_ms=time_ms)

    def dataset(self, info: DatasetInfo) -> None:
        """Name the data set that the run learns from."""
        body = {**asdict(info), "source": redact(info.source)}
        self.write("dataset", body, durable=True)

    def artifact(self, path: Path, folder: str = "") -> None:
        """Keep a file with the run; it is copied at once, and the original may change after.

        Args:
            path: A file; if it can't be opened, that is logged and the run goes without it.
            folder: Where among the run's artifacts, such as ``"curves"``.

        Raises:
            ValueError: If ``folder`` leaves the run's artifacts.
        """
        place = PurePosixPath(folder)
        if place.is_absolute() or ".." in place.parts:
            raise ValueError(f"an artifact's folder lies inside its run, got {folder!r}")
        self._keep("artifact", path, {"folder": folder}, time_ms=None)

    def picture(self, path: Path, name: str, *, step: int, time_ms: int) -> None:
        """Show a picture among the run's charts, beside the file that :meth:`artifact` keeps.

        Args:
            path: As for an artifact; it is turned into what the UI shows when it is sent.
            name: What people read; what is before a slash groups pictures. Letters, digits,
                spaces and ``_ - . /``.
            step: Where it stands among pictures of that name.
            time_ms: With the same time, sending again adds nothing.
        """
        self._keep("picture", path, {"name": name, "step": step}, time_ms=time_ms)

    def _keep(
        self, kind: Kind, path: Path, body: Mapping[str, Any], *, time_ms: int | None
    ) -> None:
        try:
            source = path.open("rb")
        except OSError as error:
            _logger.error("artifact %s of run %s is lost: %s", path, self._run.name, error)
            return
        with source:
            kept = self._journal.keep_file(source, path.name)
        try:
            self.write(kind, {"file": kept, **body}, durable=True, time_ms=time_ms)
        except UnavailableError:
            self._journal.drop_file(kept)
            raise

    def finish(self, status: RunEnd = "FINISHED", *, time_ms: int | None = None) -> None:
        """End this attempt; all that was written before is on the disk when this returns.

        Args:
            status: SCHEDULED leaves the run without a time of end.
            time_ms: When it ended, in milliseconds since 1970; now, if not given.
        """
        self.write("finish", {"status": status}, durable=True, time_ms=time_ms)

    def write(
        self, kind: Kind, body: Mapping[str, Any], *, durable: bool, time_ms: int | None = None
    ) -> None:
        """Spool one message of this run, of the present time if none is given."""
        time_ms = _now_ms() if time_ms is None else time_ms
        self._journal.append(Message(self._run, kind, body, time_ms), durable=durable)


def drain(
    settings: TrackingSettings,
    folder: Path,
    timeout_s: float,
    *,
    on_run: Callable[[str, str], None] | None = None,
) -> int:
    """Send what processes that no longer live left behind.

    Any number of processes may do so at the same time. Where nothing was left, it takes no more
    than a look at the folder; where MLflow is not there, no longer than it takes to find out.

    Args:
        settings: The MLflow to send to.
        folder: A spool folder, or the parent of several.
        timeout_s: For all of them together.
        on_run: As for :class:`Outbox`.

    Returns:
        The number of messages that still wait; those of living processes don't count.
    """
    deadline_s = time.monotonic() + timeout_s
    waiting = [spool for path in spool_folders(folder) if (spool := take_over(path))]
    can_send = bool(waiting) and _is_reachable(settings, timeout_s)
    for spool in waiting:
        if can_send and time.monotonic() < deadline_s:
            sender = Sender(settings, spool.journal, on_run=on_run, on_end=spool.give_back)
            sender.start()
            sender.flush(max(deadline_s - time.monotonic(), 0.0))
            _end(sender, deadline_s)
        else:
            spool.give_back()
    return sum(spool.journal.unsent() for spool in waiting)


def _is_reachable(settings: TrackingSettings, timeout_s: float) -> bool:
    try:
        check_reachable(settings, timeout_s=timeout_s)
    except UnavailableError as error:
        _logger.info("%s", error)
        return False
    return True


def _end(sender: Sender, deadline_s: float) -> None:
    """Let the sender end after the request in hand, but wait little longer than the deadline."""
    sender.stop()
    sender.join(timeout=max(deadline_s - time.monotonic(), _LAST_WORD_S))


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
