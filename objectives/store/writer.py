"""How a producer gets arrays to fill: files whose space is reserved before they are mapped."""

import io
import math
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from objectives.store.reserving import reserve_bytes
from objectives.store.room import StoreRoom

_ARRAY_NAME = re.compile(r"[A-Za-z0-9_]+")


class ArrayWriter:
    """What a producer gets to create its arrays with."""

    def __init__(self, folder: Path, room: StoreRoom) -> None:
        self._folder = folder
        self._room = room
        self._arrays: dict[str, np.memmap[Any, np.dtype[Any]]] = {}

    def create(
        self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike
    ) -> np.memmap[Any, np.dtype[Any]]:
        """Reserve the space of an array and map it for writing.

        Args:
            name: Letters, digits and underscores; becomes the file's name.
            shape: The whole shape; all zeros until written.
            dtype: Any plain dtype (no objects, no fields).

        Returns:
            The array to fill. Don't write to it after the producer has returned.

        Raises:
            StoreFull: If there is no room for it.
            ValueError: If name or dtype is not as above, or the name is taken.
        """
        dtype = np.dtype(dtype)
        if not _ARRAY_NAME.fullmatch(name) or name in self._arrays:
            raise ValueError(f"array name {name!r} is taken or not of letters, digits and '_'")
        if dtype.hasobject or dtype.names is not None:
            raise ValueError(
                f"array {name!r} has dtype {dtype}; objects and fields can't be stored"
            )
        header = _npy_header(shape, dtype)
        n_bytes = len(header) + math.prod(shape) * dtype.itemsize
        path = self._folder / f"{name}.npy"
        self._room.claim(n_bytes, partial(_reserve_file, path, header, n_bytes))
        array = np.lib.format.open_memmap(path, mode="r+")
        self._arrays[name] = array
        return array

    def finish(self) -> list[str]:
        """Flush all arrays to their files.

        Returns:
            Their names.

        Raises:
            ValueError: If there are none.
        """
        if not self._arrays:
            raise ValueError("the producer of a store entry created no array")
        for array in self._arrays.values():
            array.flush()
        return list(self._arrays)


def _npy_header(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    header = io.BytesIO()
    descr = np.lib.format.dtype_to_descr(dtype)
    np.lib.format.write_array_header_1_0(
        header, {"descr": descr, "fortran_order": False, "shape": tuple(map(int, shape))}
    )
    return header.getvalue()


def _reserve_file(path: Path, header: bytes, n_bytes: int) -> None:
    try:
        with path.open("wb") as file:
            reserve_bytes(file, n_bytes)
            file.write(header)
    except OSError:
        path.unlink(missing_ok=True)
        raise
