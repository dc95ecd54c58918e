"""The room of a store: what it holds, what may go, and space that is reserved before it is used.

Folders, all on one file system::

    entries/<sha256 of the key>/   published: meta.json and one .npy file an array
    work/<sha256>-<random>/        being made, or left behind by a killed producer
    work/trash-<random>/           being deleted
    locks/<sha256>.lock            there only while an entry is made or waited for
    room.lock                      held for the moment in which space is reserved
"""

import fcntl
import logging
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from objectives.store.entry import META_NAME, Key, read_meta
from spaces.errors import DiskFullError, FoldsweepError, InputError
from spaces.files import FULL_DISK, disk_full_is_unavailable

logger = logging.getLogger(__name__)
_POLL_S = 0.02
_Made = TypeVar("_Made")


class StoreFull(FoldsweepError):  # noqa: N818  (a state of the disk to go on from, not a mistake)
    """There is no room for the entry, and nothing that could be evicted for it."""


@dataclass(frozen=True)
class StoreEntry:
    """A published entry; ``last_used_s`` is in seconds since 1970."""

    key: Key
    n_bytes: int
    last_used_s: float


@dataclass(frozen=True)
class Freed:
    """What was removed, or would be: entries (those left half-made not counted) and bytes."""

    entries: int = 0
    n_bytes: int = 0

    def __add__(self, other: "Freed") -> "Freed":
        return Freed(self.entries + other.entries, self.n_bytes + other.n_bytes)


@dataclass(frozen=True)
class PublishedFolder:
    """A folder under ``entries/`` with its size and last use."""

    path: Path
    n_bytes: int
    last_used_s: float


class StoreRoom:
    """The folders of a store, and the cap on their bytes."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self.entries = folder / "entries"
        self.work = folder / "work"
        self._locks = folder / "locks"
        try:
            for part in (self.entries, self.work, self._locks):
                part.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(folder, error) from error

    @contextmanager
    def hold_entry(self, name: str, *, blocking: bool = True) -> Iterator[bool]:
        """Be the only one in any process or thread who makes or removes this entry.

        The lock file is deleted before the lock is released, so that lock files don't pile up;
        who waited on the deleted file notices (it has no name any more) and locks a new one.

        Args:
            name: The entry's folder name.
            blocking: Wait for as long as it takes; otherwise try once.

        Yields:
            Whether the lock is held: always true if ``blocking``.
        """
        path = self._locks / f"{name}.lock"
        lock = self._acquire(path, blocking=blocking)
        try:
            yield lock is not None
        finally:
            if lock is not None:
                path.unlink(missing_ok=True)
                lock.release()

    def claim(self, n_bytes: int, make: Callable[[], _Made]) -> _Made:
        """Do what takes space on the disk, evicting for it under the cap and on a full disk.

        Claims happen one at a time in all processes, so that together they stay under the cap:
        ``make`` must be quick and must leave nothing behind when it fails.

        Args:
            n_bytes: How much ``make`` adds to the store; 0 leaves the cap aside.
            make: Adds it; done again after an eviction if the disk was full.

        Returns:
            What ``make`` returns.

        Raises:
            StoreFull: If there is no room. Nothing was evicted then under the cap.
        """
        if n_bytes > self.max_bytes:
            raise StoreFull(
                f"an array of {n_bytes:,} bytes is larger than the whole cap of {self.max_bytes:,} "
                f"bytes of the store {self.folder}. Raise the cap."
            )
        room_lock = self._acquire(self.folder / "room.lock", blocking=True)
        try:
            while n_bytes and (excess := self.used_bytes() + n_bytes - self.max_bytes) > 0:
                self._free(excess, f"its cap of {self.max_bytes:,} bytes")
            while True:
                with suppress(DiskFullError), disk_full_is_unavailable(f"{self.folder} grows"):
                    return make()
                free_bytes = shutil.disk_usage(self.folder).free
                self._free(max(1, n_bytes - free_bytes), "a full disk")
        finally:
            if room_lock is not None:
                room_lock.release()

    def used_bytes(self) -> int:
        """Count the bytes of all entries, those being made included."""
        making = (path for path in self.work.iterdir() if not path.name.startswith("trash-"))
        return sum(map(_folder_bytes, chain(self.entries.iterdir(), making)))

    def published(self) -> list[PublishedFolder]:
        """List the published entries, the least recently used first."""
        found = [
            PublishedFolder(path, _folder_bytes(path), _last_used_s(path))
            for path in self.entries.iterdir()
        ]
        return sorted(found, key=lambda entry: entry.last_used_s)

    def sweep(self, pattern: str = "*", *, dry_run: bool = False) -> int:
        """Remove what killed processes left under ``work/`` and ``locks/``.

        Args:
            pattern: Which names under ``work/``.
            dry_run: Only count.

        Returns:
            Bytes freed.
        """
        swept_bytes = 0
        for path in list(self.work.glob(pattern)):
            with self.hold_entry(path.name.split("-")[0], blocking=False) as held:
                if held and path.exists():
                    swept_bytes += _folder_bytes(path)
                    if not dry_run:
                        shutil.rmtree(path, ignore_errors=True)
        return swept_bytes

    def sweep_locks(self) -> None:
        """Remove the lock files that killed processes left."""
        for path in list(self._locks.iterdir()):
            with self.hold_entry(path.stem, blocking=False):
                pass

    def discard(self, path: Path) -> bool:
        """Take an entry away at once and for everybody, whoever reads it; then delete it.

        Returns:
            Whether it was there.
        """
        trash = self.work / f"trash-{uuid.uuid4().hex}"
        try:
            path.rename(trash)
        except FileNotFoundError:
            return False
        shutil.rmtree(trash, ignore_errors=True)
        return True

    def discard_unread(self, entry: PublishedFolder, *, dry_run: bool = False) -> Freed:
        """Discard an entry unless some process has it open (or say that it would be)."""
        with ExitStack() as stack:
            if not _lock_out_readers(entry.path, stack):
                return Freed()
            if dry_run or self.discard(entry.path):
                return Freed(1, entry.n_bytes)
        return Freed()

    def _free(self, n_bytes: int, reason: str) -> None:
        still_needed = n_bytes - self.sweep()
        victims = []
        for entry in self.published():
            if still_needed <= 0:
                break
            if self.discard_unread(entry, dry_run=True).entries:
                victims.append(entry)
                still_needed -= entry.n_bytes
        if still_needed > 0:
            raise StoreFull(
                f"the store {self.folder} needs {n_bytes:,} bytes more than {reason} leaves, and "
                f"{still_needed:,} of them can't be freed: what it holds is in use or being made. "
                "Raise the cap, free the disk, or run fewer workers."
            )
        for entry in victims:
            meta = read_meta(entry.path)
            logger.info("evicting %s for %s", meta.key if meta else entry.path.name, reason)
            self.discard_unread(entry)

    def _acquire(self, path: Path, *, blocking: bool) -> FileLock | None:
        lock = FileLock(path)
        try:
            lock.acquire(blocking=blocking, poll_interval=_POLL_S)
        except Timeout:
            return None
        except OSError as error:
            if error.errno in FULL_DISK:
                raise StoreFull(f"no room for a lock file in {path.parent}: {error}") from error
            raise _unwritable(self.folder, error) from error
        return lock


def _unwritable(folder: Path, error: OSError) -> InputError:
    return InputError(
        f"the store folder {folder} can't be written: {error.strerror}. "
        "Make it writable, or set FOLDSWEEP_HOME to a folder that is."
    )


def _lock_out_readers(folder: Path, stack: ExitStack) -> bool:
    try:
        for path in folder.glob("*.npy"):
            file = stack.enter_context(path.open("rb"))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, FileNotFoundError):
        return False
    return True


def _folder_bytes(folder: Path) -> int:
    total_bytes = 0
    for path in folder.glob("*"):
        try:
            total_bytes += path.stat().st_size
        except FileNotFoundError:
            continue
    return total_bytes


def _last_used_s(folder: Path) -> float:
    try:
        return (folder / META_NAME).stat().st_mtime_ns / 1e9
    except FileNotFoundError:
        return 0.0
