"""Space on the disk that is taken before it is written to.

Writing to the memory map of a file with holes kills the process (SIGBUS) when the disk is full;
reserving raises ``OSError`` before there is a map.
"""

import ctypes
import fcntl
import os
import sys
from typing import BinaryIO

_ZEROS = bytes(1 << 20)
# From sys/fcntl.h of macOS, whose fcntl(2) explains them.
F_PREALLOCATE = 42
F_ALLOCATEALL = 4
F_PEOFPOSMODE = 3


class FStore(ctypes.Structure):
    """``fstore_t``, what macOS is asked with for space at the end of a file."""

    _fields_ = [
        ("fst_flags", ctypes.c_uint),
        ("fst_posmode", ctypes.c_int),
        ("fst_offset", ctypes.c_int64),
        ("fst_length", ctypes.c_int64),
        ("fst_bytesalloc", ctypes.c_int64),
    ]


def reserve_bytes(file: BinaryIO, n_bytes: int) -> None:
    """Make a new, empty file this long, all zeros, and take the space for it on the disk.

    Args:
        file: Open for writing; its position stays at the start.
        n_bytes: At least 1.

    Raises:
        OSError: If there is no room, with the system's number for that.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, n_bytes)
    elif sys.platform == "darwin":
        preallocate_on_macos(file, n_bytes)
    else:
        _write_zeros(file, n_bytes)


def preallocate_on_macos(file: BinaryIO, n_bytes: int) -> None:
    """Do what ``reserve_bytes`` does with the one call that macOS has for it."""
    wish = FStore(F_ALLOCATEALL, F_PEOFPOSMODE, 0, n_bytes, 0)
    fcntl.fcntl(file.fileno(), F_PREALLOCATE, bytes(wish))
    os.ftruncate(file.fileno(), n_bytes)


def _write_zeros(file: BinaryIO, n_bytes: int) -> None:
    for start in range(0, n_bytes, len(_ZEROS)):
        file.write(_ZEROS[: n_bytes - start])
    file.flush()
    file.seek(0)
