"""The spool of one process on disk: numbered segments of lines, and files that wait with them.

``00000007.open`` is being written, ``00000007.jsonl`` is complete and waits to be sent. A line is
handed to the operating system before the writer goes on, so it outlives ``kill -9``; it is on the
disk itself (fsync) at once where it is said to be durable, otherwise within a second or so.
"""

import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mlruns_config.outbox.messages import Message
from mlruns_config.outbox.segment import OpenSegment
from spaces.errors import UnavailableError
from spaces.files import disk_full_is_unavailable, replacing, sync_folder

_SEGMENT_BYTES = 1_000_000
_SYNC_INTERVAL_S = 1.0


class Journal:
    """Appends messages on one side and gives them out in order on the other; thread-safe.

    Args:
        folder: The spool; it is made if need be.

    Raises:
        DiskFullError: If the disk is full.
        UnavailableError: If the folder can't be written.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._files = folder / "files"
        self._lock = threading.Lock()
        self._open: OpenSegment | None = None
        self._synced_s = 0.0
        with _writing(folder):
            self._files.mkdir(parents=True, exist_ok=True)
            for left_open in folder.glob("*.open"):
                left_open.rename(left_open.with_suffix(".jsonl"))
        self._number = max((int(path.stem) for path in self.segments()), default=0)

    def append(self, message: Message, *, durable: bool) -> None:
        """Write one message.

        Args:
            message: What to send.
            durable: Wait until it and all before it are on the disk.

        Raises:
            DiskFullError: If the disk is full; nothing of the message stays then.
            UnavailableError: If the spool can't be written for another reason; the same.
        """
        with self._lock, _writing(self.folder):
            now_s = time.monotonic()
            sync = durable or now_s - self._synced_s > _SYNC_INTERVAL_S
            self._segment_with_room().append(message.to_line(), sync=sync)
            self._synced_s = now_s if sync else self._synced_s

    def keep_file(self, source: BinaryIO, name: str) -> str:
        """Copy a file into the spool.

        Args:
            source: The content.
            name: What the copy is called.

        Returns:
            Where it lies, relative to the spool folder.

        Raises:
            DiskFullError: If the disk is full; nothing of the copy stays then.
            UnavailableError: If the spool can't be written for another reason; the same.
        """
        place = self._files / uuid.uuid4().hex
        try:
            with _writing(place / name):
                with replacing(place / name) as copy:
                    shutil.copyfileobj(source, copy)
                sync_folder(self._files)
        except UnavailableError:
            shutil.rmtree(place, ignore_errors=True)
            raise
        return str((place / name).relative_to(self.folder))

    def drop_file(self, kept: str) -> None:
        """Remove a copy of :meth:`keep_file` that is not to be sent after all."""
        shutil.rmtree((self.folder / kept).parent, ignore_errors=True)

    def segments(self) -> list[Path]:
        """List the complete segments, oldest first."""
        return sorted(self.folder.glob("*.jsonl"))

    def oldest(self) -> Path | None:
        """Give the oldest segment, closing the one being written if there is no other.

        Raises:
            OSError: If the disk does not let it be closed; nothing is lost then.
        """
        waiting = self.segments()
        if not waiting:
            self.seal()
            waiting = self.segments()
        return waiting[0] if waiting else None

    def is_empty(self) -> bool:
        """Say whether nothing waits to be sent."""
        with self._lock:
            return self._open is None and not self.segments()

    def unsent(self) -> int:
        """Count the messages that wait, in complete segments and in the one being written."""
        with self._lock:
            return sum(map(_lines, [*self.segments(), *self.folder.glob("*.open")]))

    def seal(self) -> None:
        """Complete the segment that is being written.

        Raises:
            OSError: If the disk does not let it be closed; nothing is lost then.
        """
        # Under the lock, or somebody would see neither the open nor the complete segment.
        with self._lock:
            self._seal()

    def _segment_with_room(self) -> OpenSegment:
        if self._open is not None and self._open.n_bytes >= _SEGMENT_BYTES:
            self._seal()
        if self._open is None:
            self._number += 1
            self._open = OpenSegment(self.folder / f"{self._number:08d}.open")
        return self._open

    def _seal(self) -> None:
        if self._open is not None:
            self._open.seal()
            self._open = None
            sync_folder(self.folder)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Explain what kept a file or folder of the spool from being written."""
    try:
        with disk_full_is_unavailable(f"{path} is written, for MLflow"):
            yield
    except OSError as error:
        raise UnavailableError(f"{path}, for MLflow, cannot be written: {error}") from error


def _lines(path: Path) -> int:
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0  # It was sent while we looked.
