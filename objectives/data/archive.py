"""An ``.npz`` archive from anywhere, whose claims are checked before anything is read for them.

A megabyte of zeros, compressed, claims a gigabyte, and a header claims any shape. So what an array
claims is compared with what the archive's directory has of it, and what is read into memory has a
largest size. Nothing is ever unpickled.
"""

import io
import lzma
import math
import struct
import sys
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from spaces.errors import InputError
from spaces.files import disk_full_is_unavailable

LARGEST_MEMBER_BYTES = 1 << 30
"""Bytes of the largest array that is read into memory."""

_COPY_BYTES = 1 << 22
_HEADER_BYTES = 1 << 14
_SHOWN_NAMES = 8
_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
# What zipfile, its decompressors and numpy's parser of headers raise on damaged files.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    tokenize.TokenError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    SyntaxError,
    OverflowError,
    MemoryError,
    RuntimeError,
)


class ArrayHeader(NamedTuple):
    """What an array of an archive is said to be; its numbers begin at ``offset_bytes``."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]
    offset_bytes: int

    @property
    def n_bytes(self) -> int:
        """Bytes of the numbers alone."""
        return math.prod(self.shape) * self.dtype.itemsize


class Archive:
    """The arrays of an ``.npz`` file; see ``opened_archive``."""

    def __init__(self, path: Path, content: zipfile.ZipFile) -> None:
        self.path = path
        self._content = content

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the arrays, as ``numpy.savez`` was given them."""
        return tuple(dict.fromkeys(name.removesuffix(".npy") for name in self._content.namelist()))

    def header(self, name: str) -> ArrayHeader:
        """Read what an array is said to be, and refuse what it cannot be.

        Raises:
            InputError: If there is no such array, it is pickled or has fields, or the archive does
                not have as many bytes of it as its shape takes.
        """
        member = self._member(name)
        with self._content.open(member) as file:
            head = io.BytesIO(file.read(_HEADER_BYTES))
        try:
            version = np.lib.format.read_magic(head)
            if version not in _READERS:
                raise InputError(
                    f"{self.path}: {name} is an array with fields; write a plain array."
                )
            header = ArrayHeader(*_READERS[version](head), head.tell())
        except _DAMAGE as error:
            raise InputError(
                f"{self.path}: {name} is no array ({_first_line(error)}); write it again."
            ) from error
        self._check(name, header, member.file_size)
        return header

    def read(self, name: str) -> npt.NDArray[Any]:
        """Read an array into memory.

        Raises:
            InputError: As ``header``, or if the array is too large.
        """
        header = self.header(name)
        if header.n_bytes > LARGEST_MEMBER_BYTES:
            raise InputError(
                f"{self.path}: {name} takes {header.n_bytes / 1e9:.1f} GB; at most "
                f"{LARGEST_MEMBER_BYTES / 1e9:.1f} GB are read. Write whole numbers, one for each "
                "image, of a small type such as int32."
            )
        with self._content.open(self._member(name)) as file:
            content = file.read()
        _check_text(content, header)
        numbers = np.frombuffer(content, header.dtype, offset=header.offset_bytes)
        return numbers.reshape(header.shape, order=_order(header))

    def map(self, name: str) -> npt.NDArray[Any]:
        """Copy an array to a temporary file without a name, and map it from there.

        The copy goes with the last reference to the result.

        Raises:
            InputError: As ``header``.
            DiskFullError: If the disk has no room for the copy.
        """
        header = self.header(name)
        place = tempfile.gettempdir()
        with self._content.open(self._member(name)) as file, tempfile.TemporaryFile() as copy:
            with disk_full_is_unavailable(f"{self.path} is unpacked in {place}"):
                copyfileobj(file, copy, _COPY_BYTES)
                copy.flush()
            return np.memmap(
                copy,
                header.dtype,
                "r",
                offset=header.offset_bytes,
                shape=header.shape,
                order=_order(header),
            )

    def _member(self, name: str) -> zipfile.ZipInfo:
        try:
            return self._content.getinfo(f"{name}.npy")
        except KeyError as error:
            # As Python writes them, because a damaged directory has names of any bytes.
            shown = ", ".join(repr(name)[1:-1] for name in self.names[:_SHOWN_NAMES]) or "nothing"
            more = ", ..." if len(self.names) > _SHOWN_NAMES else ""
            raise InputError(
                f"{self.path} has no {name!r}; it has: {shown}{more}. Needed are images and labels."
            ) from error

    def _check(self, name: str, header: ArrayHeader, n_bytes: int) -> None:
        if header.dtype.hasobject:
            raise InputError(
                f"{self.path}: {name} is a pickled array of objects; pickled objects are never "
                "loaded, so write a plain array of numbers or text."
            )
        if min(header.shape, default=0) < 0 or header.offset_bytes + header.n_bytes != n_bytes:
            raise InputError(
                f"{self.path}: {name} is said to have shape {header.shape}, which is not what is "
                "there; write it again."
            )


@contextmanager
def opened_archive(path: Path) -> Iterator[Archive]:
    """Open an ``.npz`` file, and say of what is found damaged within the block that it is.

    Raises:
        InputError: If it is no archive, or damaged.
    """
    if not path.is_file() or not zipfile.is_zipfile(path):
        raise InputError(
            f"{path} is no .npz archive, or it is cut off; write it with "
            "numpy.savez_compressed(path, images=..., labels=...)."
        )
    try:
        with zipfile.ZipFile(path) as content:
            yield Archive(path, content)
    except _DAMAGE as error:
        raise InputError(
            f"{path} is damaged ({_first_line(error)}); write or copy it again."
        ) from error


def _check_text(content: bytes, header: ArrayHeader) -> None:
    if header.dtype.kind != "U":
        return
    letter = np.dtype(np.uint32).newbyteorder(header.dtype.byteorder)
    letters = np.frombuffer(content, letter, offset=header.offset_bytes)
    # Python makes a SystemError of them.
    if letters.max(initial=0) > sys.maxunicode:
        raise ValueError("it has letters that are not Unicode")


def _order(header: ArrayHeader) -> Literal["F", "C"]:
    return "F" if header.fortran_order else "C"


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
