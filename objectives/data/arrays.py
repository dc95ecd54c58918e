"""A source that is one ``.npz`` file: ``images``, ``labels``, maybe ``class_names``, ``groups``.

The pictures are copied once into a nameless temporary file and mapped from there, so that an
archive larger than memory can be read, compressed or not; the copy checks the archive's checksum on
the way. It vanishes with the process.
"""

import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from objectives.data.archive import Archive, opened_archive
from objectives.data.labels import Labelling, check_same_names, name_numbers, read_labels
from objectives.data.pixels import IN_MEMORY, check_size
from objectives.data.source import ImageSource
from objectives.data.values import ValueRange, find_range, to_rgb
from objectives.records import ImageArray
from spaces.errors import InputError


class ArraySource(ImageSource):
    """Pictures in an array, all of one size."""

    def __init__(self, path: Path, labelling: Labelling, group_names: Sequence[str] | None) -> None:
        super().__init__(path, labelling, group_names)
        self._lock = threading.Lock()
        self._opened: tuple[npt.NDArray[Any], ValueRange] | None = None

    def read(self, row: int) -> ImageArray:
        """Return one picture of the array; the first call opens it.

        Raises:
            InputError: If the numbers are no pictures: NaN, negative, above 255.
            UnavailableError: If the disk has no room for the temporary copy.
        """
        pixels, value_range = self._open()
        return to_rgb(np.asarray(pixels[row]), value_range)

    @contextmanager
    def reading(self, row: int) -> Iterator[ImageArray]:
        """Give what ``read`` returns, counted as in memory within the block."""
        pixels, _ = self._open()
        with IN_MEMORY.taken(pixels.shape[1] * pixels.shape[2]):
            yield self.read(row)

    def name(self, row: int) -> str:
        """Return ``row`` and its number."""
        return f"row {row}"

    def stamp(self) -> str:
        """Return a hash of class names, and the file's path, size and time; see ``ImageSource``."""
        try:
            status = self.path.stat()
        except OSError as error:
            raise InputError(f"{self.path} is gone since it was loaded; load again.") from error
        state = (self.class_names, str(self.path.resolve()), status.st_size, status.st_mtime_ns)
        return hashlib.sha256(repr(state).encode()).hexdigest()

    def _open(self) -> tuple[npt.NDArray[Any], ValueRange]:
        with self._lock:
            if self._opened is None:
                self._opened = open_images(self.path)
            return self._opened


def load_arrays(path: Path, class_names: Sequence[str] | None) -> ArraySource:
    """Read the labels of an ``.npz`` file and the shape of its images.

    Args:
        path: The file.
        class_names: Of the sweep file, for classes that have numbers alone; or None.

    Raises:
        InputError: If it is no such file, or labels and images don't fit each other.
    """
    with opened_archive(path) as archive:
        n_images = _check_images(archive)
        labels = _of_each_image(archive, "labels", n_images)
        names = _names(archive, n_images)
        groups = _of_each_image(archive, "groups", n_images) if "groups" in archive.names else None
    where = str(path)
    if names is None:
        labelling = name_numbers(read_labels(labels, None, where), class_names, where)
    else:
        check_same_names(names, class_names, where)
        labelling = read_labels(labels, names, where)
    return ArraySource(path, labelling, None if groups is None else _group_names(groups, path))


def open_images(path: Path) -> tuple[npt.NDArray[Any], ValueRange]:
    """Map the images of an ``.npz`` file, and find what their numbers mean.

    Raises:
        InputError: If the file is damaged, or its images are no pictures.
        DiskFullError: If the disk has no room for the temporary copy.
    """
    with opened_archive(path) as archive:
        _check_images(archive)
        pixels = archive.map("images")
    return pixels, find_range(pixels, str(path))


def count_images(path: Path) -> int:
    """Count the images of an ``.npz`` file by its header.

    Raises:
        InputError: If the file is damaged, or its images are no pictures.
    """
    with opened_archive(path) as archive:
        return _check_images(archive)


def _of_each_image(archive: Archive, name: str, n_images: int) -> npt.NDArray[Any]:
    shape = archive.header(name).shape
    if len(shape) == 0 or shape[0] != n_images:
        count = shape[0] if shape else "one number"
        raise InputError(
            f"{archive.path} has {n_images} images but {count} {name}; each image needs one."
        )
    return archive.read(name)


def _names(archive: Archive, n_images: int) -> list[str] | None:
    if "class_names" not in archive.names:
        return None
    header = archive.header("class_names")
    if len(header.shape) != 1 or header.dtype.kind not in "US":
        raise InputError(
            f"{archive.path}: class_names must be a list of texts, one for each class."
        )
    if header.shape[0] > n_images:
        raise InputError(
            f"{archive.path} has {header.shape[0]} class_names but {n_images} images; each class "
            "needs some."
        )
    names = archive.read("class_names").tolist()
    try:
        return [name.decode() if isinstance(name, bytes) else str(name) for name in names]
    except UnicodeDecodeError as error:
        raise InputError(
            f"{archive.path}: class_names are bytes that are not UTF-8 ({error}); write texts."
        ) from error


def _group_names(values: npt.NDArray[Any], path: Path) -> list[str]:
    flat = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    if flat.ndim != 1 or flat.dtype.kind not in "iuU":
        raise InputError(f"{path}: groups must be whole numbers or texts of shape (rows,).")
    return [str(value) for value in flat.tolist()]


def _check_images(archive: Archive) -> int:
    shape, _, dtype, _ = archive.header("images")
    path = archive.path
    if dtype != np.uint8 and dtype.kind != "f":
        raise InputError(
            f"{path}: images are {dtype}; known: uint8, or float in [0, 1] or [0, 255]. Convert "
            "them with images.astype('uint8')."
        )
    known = "(rows, height, width) and (rows, height, width, channels) with 1, 3 or 4 channels"
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] not in (1, 3, 4)):
        first = len(shape) == 4 and shape[1] in (1, 3, 4)
        advice = " Move channels last with images.transpose(0, 2, 3, 1)." if first else ""
        raise InputError(f"{path}: images have shape {shape}; known: {known}.{advice}")
    if 0 in shape:
        raise InputError(f"{path} has no images: their shape is {shape}.")
    check_size(shape[1], shape[2], f"each image of {path}")
    return shape[0]
