"""The spool of one process on disk: numbered segments of lines, and files that wait with them.

``00000007.open`` is being written, ``00000007.jsonl`` is complete and waits to be sent. A line is
handed to the operating system before the writer goes on, so it outlives ``kill -9``; it is on the
disk itself (fsync) at once where it is said to be durable, otherwise within a second or so.
"""

import logging
import os
import shutil
import threading
import time
import uuid
from pathlib import Path

from mlruns_config.outbox.messages import Message

_logger = logging.getLogger(__name__)
_SEGMENT_BYTES = 1_000_000
_SYNC_INTERVAL_S = 1.0


class Journal:
    """Appends messages on one side and gives them out in order on the other; thread-safe."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._files = folder / "files"
        self._lock = threading.Lock()
        self._open: tuple[int, Path] | None = None
        self._open_bytes = 0
        self._synced_s = 0.0
        self._torn = False
        self._files.mkdir(parents=True, exist_ok=True)
        for left_open in folder.glob("*.open"):
            left_open.rename(left_open.with_suffix(".jsonl"))
        self._number = max((int(path.stem) for path in self.segments()), default=0)

    def append(self, message: Message, *, durable: bool) -> bool:
        """Write one message.

        Args:
            message: What to send.
            durable: Wait until it and all before it are on the disk.

        Returns:
            False if the disk did not take it: logged, never raised, as training goes on.
        """
        with self._lock:
            try:
                self._write(message.to_line())
                self._sync_when_due(durable)
            except OSError as error:
                self._torn = True
                _logger.error("lost a %s message for MLflow: %s", message.kind, error)
                return False
            return True

    def keep_file(self, path: Path) -> str:
        """Copy a file into the spool.

        Returns:
            Where it lies, relative to the spool folder; the file keeps its name.

        Raises:
            OSError: If it can't be read or copied.
        """
        place = self._files / uuid.uuid4().hex
        place.mkdir()
        copy = place / path.name
        shutil.copyfile(path, copy)
        with copy.open("rb") as file:
            os.fsync(file.fileno())
        _sync_folder(place)
        return str(copy.relative_to(self.folder))

    def segments(self) -> list[Path]:
        """List the complete segments, oldest first."""
        return sorted(self.folder.glob("*.jsonl"))

    def oldest(self) -> Path | None:
        """Give the oldest segment, closing the one being written if there is no other."""
        waiting = self.segments()
        if not waiting:
            self._seal()
            waiting = self.segments()
        return waiting[0] if waiting else None

    def is_empty(self) -> bool:
        """Say whether nothing waits to be sent."""
        with self._lock:
            return self._open is None and not self.segments()

    def unsent(self) -> int:
        """Count the messages that wait."""
        self._seal()
        return sum(_lines(path) for path in self.segments())

    def close(self) -> None:
        """Complete the segment that is being written."""
        self._seal()

    def _write(self, line: bytes) -> None:
        if self._open is not None and self._open_bytes >= _SEGMENT_BYTES:
            _seal_file(*self._open)
            self._open = None
        if self._open is None:
            self._open = self._next_file()
        if self._torn:
            line = b"\n" + line
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(self._open[0], rest) :]
        self._torn = False
        self._open_bytes += len(line)

    def _next_file(self) -> tuple[int, Path]:
        self._number += 1
        self._open_bytes = 0
        path = self.folder / f"{self._number:08d}.open"
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), path

    def _sync_when_due(self, durable: bool) -> None:
        now_s = time.monotonic()
        if self._open is not None and (durable or now_s - self._synced_s > _SYNC_INTERVAL_S):
            os.fsync(self._open[0])
            self._synced_s = now_s

    def _seal(self) -> None:
        with self._lock:
            # Under the lock, or somebody would see neither the open nor the complete segment.
            if self._open is not None:
                _seal_file(*self._open)
                self._open = None


def _lines(path: Path) -> int:
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0  # It was sent while we looked.


def _seal_file(descriptor: int, path: Path) -> None:
    os.fsync(descriptor)
    os.close(descriptor)
    path.rename(path.with_suffix(".jsonl"))
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
