"""Files that are there whole or not at all, and a full disk told from a bug."""

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from spaces.errors import UnavailableError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def disk_full_is_unavailable(what: str) -> Iterator[None]:
    """Turn the errors of a full disk into one that says what needs room.

    Raises:
        UnavailableError: If the disk or its quota is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise UnavailableError(
            f"the disk is full: {what} ({error.strerror}); make room and try again."
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that takes its name only when all of it is on disk.

    Args:
        path: The name it gets; the folder is made if need be.

    Raises:
        UnavailableError: If the disk is full; nothing is left behind.
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
    finally:
        half_made.unlink(missing_ok=True)
