"""Files that are there whole or not at all, and a full disk told from a bug."""

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from spaces.errors import DiskFullError

FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says where a disk, a quota or the allowed size of a file is used up."""


@contextmanager
def disk_full_is_unavailable(what: str) -> Iterator[None]:
    """Turn the errors of a full disk into one that says what needs room.

    Args:
        what: What was being done, as a sentence: ``"splits.npz is written"``.

    Raises:
        DiskFullError: If the disk or its quota is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL_DISK:
            raise
        raise DiskFullError(
            f"the disk is full: {what} ({error.strerror}); make room and try again."
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that takes its name only when all of it is on disk.

    Args:
        path: The name it gets; the folder is made if need be.

    Raises:
        DiskFullError: If the disk is full; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    half_made = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with disk_full_is_unavailable(f"{path} is written"):
            with half_made.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            half_made.replace(path)
            sync_folder(path.parent)
    finally:
        half_made.unlink(missing_ok=True)


def shown_path(path: Path) -> str:
    """Write a path as text that can be printed and encoded, whatever bytes are in it."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def sync_file(path: Path) -> None:
    """Wait until the content of a file that others have written is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder (made, renamed, removed) are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
