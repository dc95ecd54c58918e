"""What every container of labelled images offers."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

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
        group_names: What the user calls the group of each row, empty for a row that belongs to
            none; None where there are no groups.
    """

    def __init__(self, path: Path, labelling: Labelling, group_names: Sequence[str] | None) -> None:
        self.path = path
        self.labels = labelling.labels
        self.class_names = labelling.class_names
        self.group_names = None if group_names is None else tuple(group_names)

    @property
    def groups(self) -> RowArray | None:
        """Number the user's groups, shape ``(rows,)``; None where there are none."""
        return None if self.group_names is None else number_groups(self.group_names)

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


def number_groups(names: Sequence[str]) -> RowArray:
    """Number distinct names from 0, shape ``(rows,)``; a row without a name is a group of its own.

    Args:
        names: One a row.
    """
    # As objects: an array of texts would be as wide everywhere as its longest.
    texts = np.array(names, dtype=object)
    _, numbers = np.unique(texts, return_inverse=True)
    own = np.arange(len(texts)) + len(texts)
    _, numbers = np.unique(np.where(texts == "", own, numbers), return_inverse=True)
    return numbers.astype(np.int64)
