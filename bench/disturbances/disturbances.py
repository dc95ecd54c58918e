"""What happens to the workers, the database, MLflow and the disk while a sweep runs."""

import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bench.disturbances.mlflow_server import MlflowServer
from bench.disturbances.silent_proxy import SilentProxy
from bench.progress import say

RESTART_AWAY_S = 2.0
READ_ONLY_S = 6.0
SILENT_S = 12.0
"""Longer than a lease, and than it takes to notice a silent connection."""
WATCH_S = 60.0
LOOK_EVERY_S = 0.5


class Place(Protocol):
    """Where a worker is, or what it is."""

    @property
    def name(self) -> str:
        """The last word of the lines that the objective notes there."""


class Pool(Protocol):
    """Workers that somebody keeps running."""

    @property
    def places(self) -> Sequence[Any]:
        """All of them."""

    def signal(self, place: Any, number: signal.Signals) -> bool:
        """Send a signal to the worker of a place; False if there was none."""


class MissedError(Exception):
    """A disturbance found nothing to disturb."""


@dataclass
class Disturber:
    """Does one thing after the other, and notes what was done when, and what could not be."""

    pool: Pool
    postgres: Any
    proxy: SilentProxy
    mlflow: MlflowServer
    folder: Path
    """Where the objective notes each epoch."""
    store: Path
    """Of views."""
    small_disk: Any | None
    """The home of one worker; None where none can be mounted."""
    random: random.Random
    lease_s: float
    last_epoch: int
    done: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    _began_s: float = field(default_factory=time.monotonic)
    _killed_at: dict[str, int] = field(default_factory=dict)
    """How many epochs had been trained when the worker of a place was last killed."""
    _killed_trials: list[str] = field(default_factory=list)
    _background: list[threading.Thread] = field(default_factory=list)

    def run(self, names: Sequence[str], is_over: Callable[[], bool]) -> None:
        """Do what is named, with pauses of some seconds, and wait until the sweep is over.

        Args:
            names: Of methods, with ``:`` and a number of seconds where one takes some.
            is_over: Says whether the sweep has ended: what is left then is skipped.
        """
        for name in names:
            if is_over():
                self.skipped.append(f"{name}: the sweep had ended")
                continue
            self._do(name)
            time.sleep(self.random.uniform(0.5, 2.5))
        for thread in self._background:
            thread.join()
        while not is_over():
            time.sleep(LOOK_EVERY_S)

    def _do(self, name: str) -> None:
        method, _, seconds = name.partition(":")
        at_s = time.monotonic() - self._began_s
        try:
            getattr(self, method)(*([float(seconds)] if seconds else []))
        except MissedError as error:
            self.skipped.append(f"{name}: {error}")
            return
        self.done.append(name)
        say(f"chaos, {at_s:5.0f} s: {name}")

    def kill(self) -> None:
        """End one worker with ``kill -9``, one that has trained since it was started."""
        deadline_s = time.monotonic() + WATCH_S
        while time.monotonic() < deadline_s:
            lines = self._epochs()
            busy = [p for p in self.pool.places if self._may_be_killed(p, lines)]
            if busy:
                place = self.random.choice(busy)
                self._killed_at[place.name] = len(lines)
                self._killed_trials.append(_trial_at(place, lines))
                if self.pool.signal(place, signal.SIGKILL):
                    return
            time.sleep(0.05)
        raise MissedError("no worker trained")

    def _may_be_killed(self, place: Place, lines: Sequence[str]) -> bool:
        """Whether it has trained since it was killed, a trial that was not killed already.

        A trial that is killed three times before it keeps a state is given up, as it should be.
        """
        since = lines[self._killed_at.get(place.name, 0) :]
        has_trained = any(line.endswith(f" {place.name}") for line in since)
        return has_trained and _trial_at(place, lines) not in self._killed_trials

    def restart_database(self) -> None:
        """Stop PostgreSQL, and start it again."""
        self.postgres.stop()
        time.sleep(RESTART_AWAY_S)
        self.postgres.start()

    def read_only(self) -> None:
        """Let PostgreSQL take no writes, as a standby during a failover."""
        self.postgres.psql("ALTER SYSTEM SET default_transaction_read_only = on;")
        self.postgres.psql("SELECT pg_reload_conf();")
        time.sleep(READ_ONLY_S)
        self.postgres.psql(
            "SET default_transaction_read_only = off; "
            "ALTER SYSTEM RESET default_transaction_read_only;"
        )
        self.postgres.psql("SELECT pg_reload_conf();")

    def cut_off(self) -> None:
        """Swallow all that some workers and the database say to each other."""
        with self.proxy.silent():
            time.sleep(SILENT_S)

    def mlflow_away(self, seconds: float) -> None:
        """Kill MLflow, and start it again after a while, in which other things happen."""
        for thread in self._background:
            thread.join()

        def away() -> None:
            self.mlflow.kill()
            time.sleep(seconds)
            self.mlflow.start()

        thread = threading.Thread(target=away, daemon=True)
        thread.start()
        self._background.append(thread)

    def stop_past_lease(self) -> None:
        """Stop a worker in its last epoch for longer than its lease, and let it go on."""
        deadline_s = time.monotonic() + WATCH_S
        seen = len(self._epochs())
        while time.monotonic() < deadline_s:
            for line in self._epochs()[seen:]:
                # The one before the last has just ended.
                _, epoch, name = line.split()
                if int(epoch) == self.last_epoch - 1 and self._stopped(name):
                    return
            seen = len(self._epochs())
            time.sleep(0.02)
        raise MissedError("no worker came to its last epoch")

    def _stopped(self, name: str) -> bool:
        found = [place for place in self.pool.places if place.name == name]
        if not found or not self.pool.signal(found[0], signal.SIGSTOP):
            return False
        time.sleep(self.lease_s + 3.0)
        self.pool.signal(found[0], signal.SIGCONT)
        return True

    def _epochs(self) -> list[str]:
        path = self.folder / "epochs"
        return path.read_text().splitlines() if path.exists() else []

    def damage_view(self) -> None:
        """Overwrite the middle of a stored view."""
        files = [path for path in self.store.rglob("images.npy") if path.stat().st_size > 1000]
        if not files:
            raise MissedError("there was no view")
        path = self.random.choice(files)
        path.chmod(0o644)
        with path.open("r+b") as file:
            file.seek(path.stat().st_size // 2)
            file.write(bytes(range(256)))

    def fill_disk(self, seconds: float) -> None:
        """Use up the disk of one worker's home for a while."""
        if self.small_disk is None:
            raise MissedError("no small disk can be mounted here")
        self.small_disk.fill()
        time.sleep(seconds)
        self.small_disk.make_room()


def _trial_at(place: Place, lines: Sequence[str]) -> str:
    """Name the trial of which an epoch was last trained at a place."""
    return [line for line in lines if line.endswith(f" {place.name}")][-1].split()[0]


@contextmanager
def small_disk_or_none(folder: Path, size_bytes: int) -> Iterator[Any | None]:
    """Mount a small disk, where one may."""
    from bench.disturbances.small_disk import CannotMountError, mounted

    try:
        mount = mounted(folder, size_bytes)
        disk = mount.__enter__()
    except CannotMountError:
        yield None
        return
    try:
        yield disk
    finally:
        mount.__exit__(None, None, None)
