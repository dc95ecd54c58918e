"""A store of arrays that are produced once and read by every process that shares its folder.

Resized images, views and features live in such a store: what one worker has computed, no other
computes again::

    store = ArrayStore(home / "features", max_bytes=50 * 10**9)
    key = {"view": view_hash, "backbone": "mobilenet", "cut": "pooled"}
    arrays = store.get(key, lambda writer: fill(writer.create("pooled", (rows, 1024), "float16")))

How it keeps its word, for whoever works on it:

*One producer per entry.* A lock file per entry (``flock``, through filelock; the kernel releases it
on ``kill -9``) excludes other processes and threads; different entries never wait for each other.
A producer may get other entries of the same store, as long as keys are not asked for in a circle.
Lock files are deleted before they are released, which filelock notices from 3.24 on.

*Published whole.* A producer writes into a folder under ``work/``; files and folders are fsynced
and the folder is renamed. A killed producer leaves its ``work/`` folder, which the next holder of
that entry's lock, an eviction, or ``collect`` deletes.

*Checked.* Opening an entry compares key, sizes, dtypes and shapes, and, once per process and file,
a CRC-32 of the whole file: 0.5 s per GB (blake2b takes 1.4 s), most of which the first reading of
the file from disk costs anyway. A damaged entry is logged, removed and made again.

*Under the cap.* ``create`` reserves its space (``objectives.store.reserving``) before it gives out
the memory map: writing to a map on a full disk is a SIGBUS, which kills the process. Room is made
first, least recently used first (the mtime of ``meta.json``), never at the cost of an entry whose
arrays some process has open: a map keeps a shared ``flock`` (see ``objectives.store.entry``). So
arrays that are kept alive pin their entries: let go of a view when its epoch is over. Reserving,
unlike producing, is done one at a time, and looks at all entries: 30 ms at 500 of them. A file
system that compresses or copies on write (btrfs, ZFS, APFS) can't promise the space.

*Deleted under readers.* ``remove``, and damage, may delete files that are mapped. A reader goes on
with the old bytes, and the disk gets the space back with its last array.

An open array holds one file descriptor; nothing else does. Made for a local disk: several machines
need a store each (``flock`` and ``mmap`` over NFS are not to be trusted with this).
"""

import logging
import shutil
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from objectives.store.entry import (
    META_NAME,
    Arrays,
    CheckedFiles,
    DamagedEntryError,
    Key,
    canonical_json,
    entry_name,
    open_entry,
    read_meta,
    seal,
)
from objectives.store.room import Freed, PublishedFolder, StoreEntry, StoreFull, StoreRoom
from objectives.store.writer import ArrayWriter
from spaces.errors import InputError
from spaces.files import replacing, sync_folder

__all__ = [
    "ArrayStore",
    "ArrayWriter",
    "Arrays",
    "Freed",
    "Key",
    "StoreCounts",
    "StoreEntry",
    "StoreFull",
]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StoreCounts:
    """How often this process made an entry, and how often it found one made."""

    made: int = 0
    reused: int = 0


class ArrayStore:
    """A produce-once, content-keyed store of arrays on local disk; see the module's text."""

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        """Open a store, and make its folder if there is none.

        Args:
            folder: Belongs to the store alone; its parents are made.
            max_bytes: Cap on the bytes of all entries together, at least 1.

        Raises:
            InputError: If the folder can't be made.
            ValueError: If the cap is below 1.
        """
        if max_bytes < 1:
            raise ValueError(f"max_bytes is {max_bytes}; it must be at least 1")
        self._room = StoreRoom(folder, max_bytes)
        self._checked = CheckedFiles()
        self._counts = StoreCounts()
        self._counts_lock = threading.Lock()

    @property
    def max_bytes(self) -> int:
        """The cap on the bytes of all entries together."""
        return self._room.max_bytes

    @property
    def counts(self) -> StoreCounts:
        """What ``get`` and ``peek`` of this object made and reused so far."""
        return self._counts

    def get(self, key: Key, produce: Callable[[ArrayWriter], None]) -> Arrays:
        """Give the arrays of a key, producing them if nobody has.

        Args:
            key: All that the arrays depend on. Waits if another process or thread is making it.
            produce: Creates and fills the arrays; must be a pure function of the key.

        Returns:
            The arrays by name, memory-mapped read-only.

        Raises:
            StoreFull: If there is no room and nothing to evict; nothing is left of the entry.
            InputError: If the folder can't be written.
        """
        name = entry_name(key)
        with suppress(DamagedEntryError):
            if (arrays := self._open(name, key)) is not None:
                return self._reused(arrays)
        with self._room.hold_entry(name):
            if (arrays := self._open_or_discard(name, key)) is not None:
                return self._reused(arrays)
            arrays = self._make(name, key, produce)
        self._count(made=1)
        return arrays

    def peek(self, key: Key) -> Arrays | None:
        """Give the arrays of a key if they are published and sound; never waits for a producer."""
        name = entry_name(key)
        try:
            arrays = self._open(name, key)
        except DamagedEntryError:
            # If someone else has the lock, it is being made again; without write access, it stays.
            with suppress(InputError), self._room.hold_entry(name, blocking=False) as held:
                if held:
                    self._open_or_discard(name, key)
            return None
        return None if arrays is None else self._reused(arrays)

    def has(self, key: Key) -> bool:
        """Say whether the entry is published, without checking its arrays."""
        meta = read_meta(self._room.entries / entry_name(key))
        return meta is not None and canonical_json(meta.key) == canonical_json(key)

    def size_bytes(self) -> int:
        """Count the bytes of all entries on disk, those being made included."""
        return self._room.used_bytes()

    def entries(self) -> list[StoreEntry]:
        """List the published entries, the least recently used first."""
        return [
            StoreEntry(meta.key, folder.n_bytes, folder.last_used_s)
            for folder in self._room.published()
            if (meta := read_meta(folder.path)) is not None
        ]

    def remove(self, predicate: Callable[[Key], bool]) -> Freed:
        """Remove the entries whose key fulfils a predicate, in use or not.

        Returns:
            What was removed.
        """
        freed = Freed()
        for folder in self._room.published():
            meta = read_meta(folder.path)
            if meta is not None and predicate(meta.key) and self._room.discard(folder.path):
                freed += Freed(1, folder.n_bytes)
        return freed

    def collect(self, keep: Callable[[Key], bool], *, dry_run: bool = False) -> Freed:
        """Remove what is not kept and not in use, and what killed processes left behind.

        Args:
            keep: Says of a key whether its entry is still needed. Entries without a readable
                key are never kept.
            dry_run: Remove nothing, only count.

        Returns:
            What was removed, or would be.
        """
        freed = Freed(0, self._room.sweep(dry_run=dry_run))
        for folder in self._room.published():
            if not _is_kept(folder, keep):
                freed += self._room.discard_unread(folder, dry_run=dry_run)
        if not dry_run:
            self._room.sweep_locks()
        return freed

    def half_made(self, *, dry_run: bool) -> int:
        """Remove what killed producers left behind; gives its bytes.

        Args:
            dry_run: Remove nothing, only count.
        """
        return self._room.sweep(dry_run=dry_run)

    def damaged(self) -> list[Path]:
        """Read all published entries, and list those whose files are not what they should be."""
        # The least recently used first, so that the order of their last uses stays.
        return [folder.path for folder in self._room.published() if self._is_damaged(folder.path)]

    def remove_damaged(self, path: Path) -> bool:
        """Remove an entry of :meth:`damaged`; False if somebody is making it anew."""
        with self._room.hold_entry(path.name, blocking=False) as held:
            return held and (not self._is_damaged(path) or self._room.discard(path))

    def _is_damaged(self, path: Path) -> bool:
        meta = read_meta(path)
        if meta is None or entry_name(meta.key) != path.name:
            return path.exists()
        try:
            open_entry(path, meta.key, self._checked)
        except DamagedEntryError:
            return path.exists()
        return False

    def _open(self, name: str, key: Key) -> Arrays | None:
        return open_entry(self._room.entries / name, key, self._checked)

    def _open_or_discard(self, name: str, key: Key) -> Arrays | None:
        try:
            return self._open(name, key)
        except DamagedEntryError as error:
            folder = self._room.entries / name
            # False if it was evicted while being opened, which looks like a missing file.
            if self._room.discard(folder):
                logger.warning("removed the damaged store entry %s: %s", folder, error)
            return None

    def _make(self, name: str, key: Key, produce: Callable[[ArrayWriter], None]) -> Arrays:
        for abandoned in self._room.work.glob(f"{name}-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        folder = self._room.work / f"{name}-{uuid.uuid4().hex[:8]}"
        self._room.claim(0, folder.mkdir)
        try:
            writer = ArrayWriter(folder, self._room)
            produce(writer)
            return self._publish(folder, name, key, writer.finish())
        finally:
            # After the rename of a finished entry there is nothing here.
            shutil.rmtree(folder, ignore_errors=True)

    def _publish(self, folder: Path, name: str, key: Key, array_names: list[str]) -> Arrays:
        meta = seal(folder, key, array_names, self._checked)
        self._room.claim(len(meta), partial(_write, folder / META_NAME, meta))
        # Opened before the rename: from its first moment on the entry is in use and stays.
        arrays = open_entry(folder, key, self._checked)
        if arrays is None:
            raise DamagedEntryError(f"{folder} went away while it was being made")
        sync_folder(folder)
        self._room.claim(0, partial(folder.rename, self._room.entries / name))
        sync_folder(self._room.entries)
        return arrays

    def _reused(self, arrays: Arrays) -> Arrays:
        self._count(reused=1)
        return arrays

    def _count(self, *, made: int = 0, reused: int = 0) -> None:
        with self._counts_lock:
            counts = self._counts
            self._counts = StoreCounts(counts.made + made, counts.reused + reused)


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as file:
        file.write(content)


def _is_kept(folder: PublishedFolder, keep: Callable[[Key], bool]) -> bool:
    meta = read_meta(folder.path)
    return meta is not None and keep(meta.key)
