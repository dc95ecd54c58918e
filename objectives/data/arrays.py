"""A source that is one ``.npz`` file: ``images``, ``labels``, maybe ``class_names``, ``groups``.

Nothing is ever unpickled. The pictures are copied once into a nameless temporary file and mapped
from there, so that an archive larger than memory can be read, compressed or not; the copy checks
the archive's checksum on the way. It vanishes with the process.
"""

import hashlib
import tempfile
import threading
import zipfile
import zlib
from pathlib import Path
from shutil import copyfileobj
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from objectives.data.labels import Labelling, read_labels
from objectives.data.source import ImageSource, number_groups
from objectives.data.values import ValueRange, find_range, to_rgb
from objectives.records import ImageArray, RowArray
from spaces.errors import InputError
from spaces.files import disk_full_is_unavailable

_COPY_BYTES = 1 << 22


class ArraySource(ImageSource):
    """Pictures in an array, all of one size."""

    def __init__(self, path: Path, labelling: Labelling, groups: RowArray | None) -> None:
        super().__init__(path, labelling, groups)
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

    def name(self, row: int) -> str:
        """Return ``row`` and its number."""
        return f"row {row}"

    def stamp(self) -> str:
        """Return a hash of class names, and the file's path, size and time; see ``ImageSource``."""
        try:
            status = self.path.stat()
        except OSError as error:
            raise InputError(f"{self.path} is gone since it was loaded; load again.") from error
        text = f"{self.class_names}\0{self.path.resolve()}\0{status.st_size}\0{status.st_mtime_ns}"
        return hashlib.sha256(text.encode()).hexdigest()

    def _open(self) -> tuple[npt.NDArray[Any], ValueRange]:
        with self._lock:
            if self._opened is None:
                pixels = _map_images(self.path)
                self._opened = pixels, find_range(pixels, str(self.path))
            return self._opened


def load_arrays(path: Path) -> ArraySource:
    """Read the labels of an ``.npz`` file and the shape of its images.

    Raises:
        InputError: If it is no such file, or labels and images don't fit each other.
    """
    if not zipfile.is_zipfile(path):
        raise InputError(
            f"{path} is no .npz archive, or it is cut off; write it with "
            "numpy.savez_compressed(path, images=..., labels=...)."
        )
    with np.load(path, allow_pickle=False) as archive:
        for key in ("images", "labels"):
            if key not in archive.files:
                raise InputError(
                    f"{path} has no {key!r}; it has: {', '.join(archive.files) or 'nothing'}. "
                    "Needed are images and labels."
                )
        labels = _member(archive, "labels", path)
        names = _names(archive, path)
        groups = _member(archive, "groups", path) if "groups" in archive.files else None
    shape = _image_shape(path)
    for key, values in (("labels", labels), ("groups", groups)):
        if values is not None and (values.ndim == 0 or len(values) != shape[0]):
            count = len(values) if values.ndim else "one number"
            raise InputError(
                f"{path} has {shape[0]} images but {count} {key}; each image needs one."
            )
    labelling = read_labels(labels, names, str(path))
    return ArraySource(path, labelling, None if groups is None else _groups(groups, path))


def _member(archive: Any, key: str, path: Path) -> npt.NDArray[Any]:
    try:
        return np.asarray(archive[key])
    except ValueError as error:
        raise InputError(
            f"{path}: {key} cannot be read ({error}); pickled objects are never loaded, so write "
            "a plain array of numbers or text."
        ) from error


def _names(archive: Any, path: Path) -> list[str] | None:
    if "class_names" not in archive.files:
        return None
    values = _member(archive, "class_names", path)
    if values.ndim != 1 or values.dtype.kind not in "US":
        raise InputError(f"{path}: class_names must be a list of texts, one for each class.")
    return [name.decode() if isinstance(name, bytes) else str(name) for name in values.tolist()]


def _groups(values: npt.NDArray[Any], path: Path) -> RowArray:
    flat = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    if flat.ndim != 1 or flat.dtype.kind not in "iuU":
        raise InputError(f"{path}: groups must be whole numbers or texts of shape (rows,).")
    return number_groups(flat)


def _image_shape(path: Path) -> tuple[int, ...]:
    with zipfile.ZipFile(path) as archive, archive.open("images.npy") as member:
        shape, _, dtype = _read_header(member, path)
    if dtype.hasobject:
        raise InputError(
            f"{path}: images is a pickled array of objects, which is never loaded; give all images "
            "one size and write an array of shape (rows, height, width, 3)."
        )
    if dtype != np.uint8 and dtype.kind != "f":
        raise InputError(
            f"{path}: images are {dtype}; known: uint8, or float in [0, 1] or [0, 255]. Convert "
            "them with images.astype('uint8')."
        )
    _check_shape(shape, path)
    return shape


def _check_shape(shape: tuple[int, ...], path: Path) -> None:
    known = "(rows, height, width) and (rows, height, width, channels) with 1, 3 or 4 channels"
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] not in (1, 3, 4)):
        first = len(shape) == 4 and shape[1] in (1, 3, 4)
        advice = " Move channels last with images.transpose(0, 2, 3, 1)." if first else ""
        raise InputError(f"{path}: images have shape {shape}; known: {known}.{advice}")
    if 0 in shape:
        raise InputError(f"{path} has no images: their shape is {shape}.")


def _read_header(member: Any, path: Path) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    try:
        version = np.lib.format.read_magic(member)
        if version not in readers:
            raise InputError(f"{path}: images is an array with fields; write a plain array.")
        return readers[version](member)
    except (ValueError, EOFError) as error:
        raise InputError(f"{path}: images is no array ({error}); write it again.") from error


def _map_images(path: Path) -> npt.NDArray[Any]:
    with zipfile.ZipFile(path) as archive, archive.open("images.npy") as member:
        shape, fortran_order, dtype = _read_header(member, path)
        with tempfile.TemporaryFile() as copy:
            try:
                with disk_full_is_unavailable(f"{path} is unpacked in {tempfile.gettempdir()}"):
                    copyfileobj(member, copy, _COPY_BYTES)
                    copy.flush()
                order: Literal["F", "C"] = "F" if fortran_order else "C"
                return np.memmap(copy, dtype=dtype, mode="r", shape=shape, order=order)
            except (zipfile.BadZipFile, zlib.error, ValueError, EOFError) as error:
                raise InputError(f"{path} is damaged ({error}); write it again.") from error
