"""Arrays by name as the bytes of an ``.npz`` file: plain numbers, and nothing is pickled."""

import hashlib
import io
from pathlib import Path
from typing import BinaryIO

import numpy as np

from objectives.checkpoints import Arrays
from objectives.data.archive import opened_archive
from spaces.errors import InputError

CHUNK_BYTES = 1 << 20


class HashingFile(io.RawIOBase):
    """Passes on what is written, and hashes it; there is no going back in it.

    Args:
        file: What is really written.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._hash = hashlib.sha256()
        self.n_bytes = 0

    @property
    def sha256(self) -> str:
        """The hash of all that was written."""
        return self._hash.hexdigest()

    def writable(self) -> bool:
        """Say that it can be written."""
        return True

    def write(self, content: "bytes | memoryview | bytearray") -> int:  # type: ignore[override]
        """Write all of it."""
        view = memoryview(content).cast("B")
        self._hash.update(view)
        self._file.write(view)
        self.n_bytes += len(view)
        return len(view)


def write_arrays(arrays: Arrays, file: BinaryIO) -> tuple[str, int]:
    """Write arrays, and give the SHA-256 and the number of the bytes."""
    hashing = HashingFile(file)
    np.savez(hashing, allow_pickle=False, **arrays)
    return hashing.sha256, hashing.n_bytes


def read_arrays(path: Path, sha256: str) -> Arrays:
    """Read what :func:`write_arrays` wrote.

    Raises:
        InputError: If it is something else, or damaged.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise InputError(f"{path} is not what was written there (its SHA-256 is another).")
    with opened_archive(path) as archive:
        return {name: archive.read(name) for name in archive.names}
