"""Images of a view that are not one array: base rows in place, and shards made when asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from objectives.records import FloatArray, ImageArray
from objectives.views.rendering import BaseImages

Positions = slice | npt.NDArray[Any] | list[int]


@dataclass(frozen=True)
class BaseRows:
    """The base images of a view's rows, indexed like an array, copied only where they are read."""

    base: BaseImages

    dtype = np.dtype(np.uint8)
    ndim = 4

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, height, width and channels."""
        return (len(self.base.rows), *self.base.data.images.shape[1:])

    def __len__(self) -> int:
        return len(self.base.rows)

    def __getitem__(self, positions: Positions) -> ImageArray:
        """Copy the images at a slice, or at an array of positions, out of the memory map."""
        return np.asarray(self.base.data.images[self.base.rows[positions]])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Copy all of them: for small data only."""
        return np.array(self[:], dtype=dtype)


class StreamedRows:
    """A view without room in the store: some shards in memory, the others made when asked for."""

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(
        self,
        shape: tuple[int, ...],
        shard_rows: int,
        kept: dict[int, ImageArray],
        make_shard: Callable[[int], ImageArray],
    ) -> None:
        self.shape = shape
        self._shard_rows = shard_rows
        self._kept = kept
        self._make_shard = make_shard

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, positions: Positions) -> ImageArray:
        """Give the images at a slice, or at an array of positions."""
        wanted = np.arange(len(self))[positions]
        images = np.empty((*np.shape(wanted), *self.shape[1:]), np.uint8)
        numbers = wanted // self._shard_rows
        for number in np.unique(numbers):
            here = numbers == number
            images[here] = self._shard(int(number))[wanted[here] - number * self._shard_rows]
        return images

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Copy all of them: for small data only."""
        return np.array(self[:], dtype=dtype)

    def _shard(self, number: int) -> ImageArray:
        return self._kept[number] if number in self._kept else self._make_shard(number)


class InterleavedRows:
    """Rows of several arrays of one shape, each row from one of them."""

    def __init__(self, parts: Sequence[Any], part_of: npt.NDArray[np.int64]) -> None:
        self._parts = parts
        self._part_of = part_of
        self.shape: tuple[int, ...] = tuple(parts[0].shape)
        self.dtype = parts[0].dtype
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, positions: Positions) -> npt.NDArray[Any]:
        """Copy the rows at a slice, or at an array of positions."""
        wanted = np.arange(len(self))[positions]
        rows = np.empty((*wanted.shape, *self.shape[1:]), self.dtype)
        for number, part in enumerate(self._parts):
            here = self._part_of[wanted] == number
            rows[here] = part[wanted[here]]
        return rows

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Copy all of them: for small data only."""
        return np.array(self[:], dtype=dtype)


def interleaved(views: Sequence[tuple[Any, FloatArray]], turn: int) -> tuple[Any, FloatArray]:
    """Let row r take view ``r + turn`` of some, going round: all equally often.

    Args:
        views: Arrays ``(rows, ...)`` and labels ``(rows, classes)`` of each view.
        turn: In as many turns as there are views each row takes each of them once.
    """
    if len(views) == 1:
        return views[0]
    part_of = (np.arange(len(views[0][1])) + turn) % len(views)
    arrays = InterleavedRows([view[0] for view in views], part_of)
    return arrays, InterleavedRows([view[1] for view in views], part_of)[:]
