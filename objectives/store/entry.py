"""One entry of a store as files: ``meta.json`` and an ``.npy`` file for each array.

``meta.json`` holds the key, and of each array its shape, dtype, size and CRC-32. An entry is opened
through a descriptor of its folder, so that all its files are of one making even if it is evicted
and made again meanwhile. The memory map of an array keeps a shared ``flock`` on its file: ``mmap``
duplicates the descriptor, so the lock lasts as long as any array that reads from the map, and the
kernel drops it with a killed process. That is how eviction knows, for one system call a file, what
is in use.
"""

import fcntl
import hashlib
import json
import os
import threading
import time
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

KeyValue = str | int | float | bool | None
Key = Mapping[str, KeyValue]
Arrays = Mapping[str, npt.NDArray[Any]]
META_NAME = "meta.json"
_CHUNK_BYTES = 1 << 22
_FileId = tuple[int, int, int]


class DamagedEntryError(Exception):
    """The files are not what ``meta.json`` says, or it is not the meta of the key asked for."""


class ArrayRecord(BaseModel):
    """What is known of an array's file; ``n_bytes`` and ``crc32`` are of the whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    shape: tuple[int, ...]
    dtype: str
    n_bytes: int
    crc32: int


class EntryMeta(BaseModel):
    """The content of ``meta.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    key: dict[str, KeyValue]
    arrays: dict[str, ArrayRecord]


class CheckedFiles:
    """The files whose checksum this process has seen to be right; safe to share by threads."""

    def __init__(self) -> None:
        self._files: set[_FileId] = set()
        self._lock = threading.Lock()

    def add(self, file: BinaryIO) -> None:
        """Remember this file as it is now; a later write to it makes it unknown."""
        with self._lock:
            self._files.add(_file_id(file))

    def __contains__(self, file: BinaryIO) -> bool:
        with self._lock:
            return _file_id(file) in self._files


def canonical_json(key: Key) -> str:
    """Write a key so that equal keys give equal text; ``1``, ``1.0`` and ``True`` differ.

    Raises:
        ValueError: If a value is nan or infinite.
        TypeError: If a value is no str, int, float, bool or None.
    """
    for name, value in key.items():
        if not isinstance(value, str | int | float | None):
            raise TypeError(
                f"key {name!r} has a {type(value).__name__}; str, int, float, bool, None"
            )
    return json.dumps(dict(key), sort_keys=True, separators=(",", ":"), allow_nan=False)


def entry_name(key: Key) -> str:
    """Give the folder name of a key's entry: SHA-256 of its canonical JSON, 64 hex digits."""
    return hashlib.sha256(canonical_json(key).encode()).hexdigest()


def read_meta(folder: Path) -> EntryMeta | None:
    """Read the meta of an entry; None if there is none or it can't be understood."""
    try:
        return EntryMeta.model_validate_json((folder / META_NAME).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def open_entry(folder: Path, key: Key, checked: CheckedFiles) -> Arrays | None:
    """Map the arrays of an entry read-only, check them, and note that it was used.

    Args:
        folder: The entry's folder.
        key: The key that the entry must be of.
        checked: Files that need no checksum any more; files that pass it are added.

    Returns:
        The arrays by name, or None if there is no such folder.

    Raises:
        DamagedEntryError: If key, size, dtype, shape or checksum is not as it should be.
    """
    try:
        folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    try:
        meta = _read_meta_of(key, folder_fd)
        arrays = {
            name: _open_array(folder_fd, name, record, checked)
            for name, record in meta.arrays.items()
        }
        # A store that this process may only read is still worth reading.
        with suppress(OSError):
            os.utime(META_NAME, ns=(time.time_ns(),) * 2, dir_fd=folder_fd)
        return arrays
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise DamagedEntryError(str(error)) from error
    finally:
        os.close(folder_fd)


def seal(folder: Path, key: Key, names: Iterable[str], checked: CheckedFiles) -> bytes:
    """Bring written arrays to the disk for good and describe them.

    Args:
        folder: The folder that has the arrays' files; their memory maps are flushed already.
        key: The key of the entry.
        names: The names of its arrays.
        checked: Gets the files, whose checksum is right by construction.

    Returns:
        The content of ``meta.json``, which the caller writes.
    """
    records = {name: _seal_array(folder / f"{name}.npy", checked) for name in names}
    return EntryMeta(key=dict(key), arrays=records).model_dump_json().encode()


def _read_meta_of(key: Key, folder_fd: int) -> EntryMeta:
    with open(META_NAME, "rb", opener=partial(os.open, dir_fd=folder_fd)) as file:
        meta = EntryMeta.model_validate_json(file.read())
    if canonical_json(meta.key) != canonical_json(key):
        raise ValueError(f"its {META_NAME} is of another key, {canonical_json(meta.key)}")
    return meta


def _open_array(
    folder_fd: int, name: str, record: ArrayRecord, checked: CheckedFiles
) -> npt.NDArray[Any]:
    with open(f"{name}.npy", "rb", opener=partial(os.open, dir_fd=folder_fd)) as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        _check_size_and_header(file, name, record)
        offset_bytes = file.tell()
        if file not in checked:
            if _crc32(file) != record.crc32:
                raise ValueError(f"the checksum of {name}.npy is wrong")
            checked.add(file)
        dtype = np.dtype(record.dtype)
        return np.memmap(file, dtype, "r", offset=offset_bytes, shape=record.shape)


def _check_size_and_header(file: BinaryIO, name: str, record: ArrayRecord) -> None:
    n_bytes = os.fstat(file.fileno()).st_size
    if n_bytes != record.n_bytes:
        raise ValueError(f"{name}.npy has {n_bytes} bytes instead of {record.n_bytes}")
    found = _read_header(file)
    if found != (record.shape, record.dtype):
        raise ValueError(f"{name}.npy holds {found} instead of {(record.shape, record.dtype)}")


def _read_header(file: BinaryIO) -> tuple[tuple[int, ...], str]:
    np.lib.format.read_magic(file)
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    return tuple(shape), dtype.str


def _seal_array(path: Path, checked: CheckedFiles) -> ArrayRecord:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        shape, dtype = _read_header(file)
        n_bytes = os.fstat(file.fileno()).st_size
        record = ArrayRecord(shape=shape, dtype=dtype, n_bytes=n_bytes, crc32=_crc32(file))
        checked.add(file)
    return record


def _crc32(file: BinaryIO) -> int:
    file.seek(0)
    checksum = 0
    while chunk := file.read(_CHUNK_BYTES):
        checksum = zlib.crc32(chunk, checksum)
    return checksum


def _file_id(file: BinaryIO) -> _FileId:
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino, status.st_mtime_ns
