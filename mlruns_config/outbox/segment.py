"""One file of a spool while it is being written: whole lines only, whatever the disk does."""

import os
from pathlib import Path

from spaces.files import sync_folder


class OpenSegment:
    """Takes lines at its end, and gives back the room of one that did not fit."""

    def __init__(self, path: Path):
        self._path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._is_named = False
        self._is_torn = False
        self.n_bytes = 0

    def append(self, line: bytes, *, sync: bool) -> None:
        """Write one line, and wait until it is on the disk if asked to.

        Raises:
            OSError: If the disk did not take it; then nothing of it stays.
        """
        line = b"\n" + line if self._is_torn else line
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            if sync:
                self._sync()
        except OSError:
            self._take_back()
            raise
        self.n_bytes += len(line)
        self._is_torn = False

    def seal(self) -> None:
        """Complete it under the name ``.jsonl``, with all of it on the disk.

        Raises:
            OSError: If the disk did not take it; the segment can be written and sealed again.
        """
        self._sync()
        self._path.rename(self._path.with_suffix(".jsonl"))
        os.close(self._descriptor)

    def _sync(self) -> None:
        os.fsync(self._descriptor)
        if not self._is_named:
            sync_folder(self._path.parent)
            self._is_named = True

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._descriptor, self.n_bytes)
        except OSError:
            # The next line starts on a line of its own, so that this one spoils no other.
            self._is_torn = True
