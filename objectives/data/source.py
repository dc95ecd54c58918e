"""What every container of labelled images offers."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from objectives.data.labels import Labelling
from objectives.records import ImageArray, RowArray
from spaces.errors import InputError


class UnreadableImageError(InputError):
    """One picture cannot be decoded; the message says why. The audit leaves its row out."""


class ImageSource(ABC):
    """Labels at once, pictures one at a time; ``read`` may be called from several threads.

    Attributes:
        path: The file or folder as it was given.
        labels: Class number of each row, shape ``(rows,)``.
        class_names: The name of each class, in the order of the numbers.
        groups: The user's group of each row, shape ``(rows,)``, or None where there are none.
    """

    def __init__(self, path: Path, labelling: Labelling, groups: RowArray | None) -> None:
        self.path = path
        self.labels = labelling.labels
        self.class_names = labelling.class_names
        self.groups = groups

    def __len__(self) -> int:
        return len(self.labels)

    @abstractmethod
    def read(self, row: int) -> ImageArray:
        """Return the picture of a row at its own size, 8-bit RGB, shape ``(height, width, 3)``.

        Raises:
            UnreadableImageError: If the file is no image that Pillow can decode.
        """

    @contextmanager
    def reading(self, row: int) -> Iterator[ImageArray]:
        """Give what ``read`` returns, counted as in memory within the block."""
        yield self.read(row)

    @abstractmethod
    def name(self, row: int) -> str:
        """Return what a person calls this row: a file name, or ``row 17``."""

    @abstractmethod
    def stamp(self) -> str:
        """Return a hash of names, paths, sizes and times: where it is the same, nothing is read.

        Raises:
            InputError: If a file has gone since the source was loaded.
        """


def number_groups(values: npt.NDArray[Any]) -> RowArray:
    """Number distinct group values from 0; an empty text stands for no group but its own row.

    Args:
        values: One value a row, text (also as objects) or integers, shape ``(rows,)``.
    """
    _, numbers = np.unique(values, return_inverse=True)
    if values.dtype.kind in "UO":
        own = np.arange(len(values)) + len(values)
        _, numbers = np.unique(np.where(values == "", own, numbers), return_inverse=True)
    return numbers.astype(np.int64)
