"""One picture under a chain of operations: grey-level tables are joined and looked up once."""

import cv2
import numpy as np
import numpy.typing as npt

from objectives.records import ImageArray

Table = npt.NDArray[np.uint8]
"""New grey level of each old one: shape ``(256,)`` for all channels, or ``(256, 3)``."""
Counts = npt.NDArray[np.int64]
"""Pixels at each grey level of each channel, shape ``(256, 3)``."""

_WARP = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
# ITU-R BT.601 as TensorFlow rounds it in rgb_to_grayscale.
_LUMA = np.array([0.2989, 0.587, 0.114], dtype=np.float32)


class Canvas:
    """A picture, its histogram if known, and the table that is still to be looked up in."""

    __slots__ = ("_counts", "_image", "_table")

    def __init__(self, image: ImageArray) -> None:
        self._image = image
        self._table: Table | None = None
        self._counts: Counts | None = None

    def fork(self) -> "Canvas":
        """Begin another chain on the same picture, sharing what is known of its histogram."""
        other = Canvas(self._image)
        other._table, other._counts = self._table, self._counts
        return other

    def pixels(self) -> ImageArray:
        """Give the picture as it is now; not to be written to."""
        if self._table is not None:
            table = self._table if self._table.ndim == 1 else self._table[:, None, :]
            self._replace(cv2.LUT(self._image, table))
        return self._image

    def counts(self) -> Counts:
        """Count the pixels of the picture as it is now."""
        if self._counts is None:
            image = [self._image]
            columns = [cv2.calcHist(image, [c], None, [256], [0.0, 256.0]) for c in range(3)]
            # OpenCV 4 gives a column, OpenCV 5 a vector.
            self._counts = np.array([column.reshape(256) for column in columns], np.int64).T
        return self._counts if self._table is None else _moved_counts(self._counts, self._table)

    def map_levels(self, table: Table) -> None:
        """Give each grey level its new one, per channel if the table has a column for each."""
        self._table = table if self._table is None else _joined(self._table, table)

    def warp(self, matrix: npt.NDArray[np.float32]) -> None:
        """Take each pixel ``(x, y)`` from ``matrix @ (x, y, 1)``, reflected at the border."""
        image = self.pixels()
        size = (image.shape[1], image.shape[0])
        self._replace(
            cv2.warpAffine(image, matrix, size, flags=_WARP, borderMode=cv2.BORDER_REFLECT)
        )

    def shift_right(self, shift_px: int) -> None:
        """Move the picture by whole pixels, reflected at the border; negative moves it left."""
        image, width = self.pixels(), self._image.shape[1]
        left, right = max(shift_px, 0), max(-shift_px, 0)
        padded = cv2.copyMakeBorder(image, 0, 0, left, right, cv2.BORDER_REFLECT)
        self._replace(padded[:, right : right + width])

    def fade_to_grey(self, share: float) -> None:
        """Blend with the picture's luminance: 0 leaves it, 1 takes all colour."""
        matrix = np.tile(share * _LUMA, (3, 1)) + (1.0 - share) * np.eye(3, dtype=np.float32)
        self._replace(cv2.transform(self.pixels(), matrix.astype(np.float32)))

    def _replace(self, image: ImageArray) -> None:
        self._image, self._table, self._counts = image, None, None


def _joined(first: Table, second: Table) -> Table:
    if first.ndim == 2 and second.ndim == 2:
        return np.take_along_axis(second, first.astype(np.intp), axis=0)
    return second[first]


def _moved_counts(counts: Counts, table: Table) -> Counts:
    moved = np.empty_like(counts)
    for channel in range(3):
        column = table if table.ndim == 1 else table[:, channel]
        moved[:, channel] = np.bincount(column, weights=counts[:, channel], minlength=256)
    return moved
