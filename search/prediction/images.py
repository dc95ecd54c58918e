"""Pictures to classify: files, folders of them, and arrays; none of them labelled."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from objectives.data.decoding import decode_file, image_suffixes
from objectives.data.source import UnreadableImageError
from objectives.data.values import find_range, to_rgb
from objectives.records import ImageArray
from spaces.errors import InputError


@dataclass(frozen=True)
class Picture:
    """One picture, or why there is none."""

    name: str
    """The file, or for an array the file and the row."""
    image: ImageArray | None
    """8-bit RGB, shape ``(height, width, 3)``."""
    error: str | None = None


def read_pictures(paths: Sequence[Path]) -> Iterator[Picture]:
    """Read pictures in order, one at a time; one that cannot be read is reported, not raised.

    Args:
        paths: Image files, folders (with all in them, at any depth) and ``.npz`` files.

    Raises:
        InputError: Before anything is read, if a path is not there.
    """
    for path in paths:
        if not path.exists():
            raise InputError(f"there is no file or folder {path}; write the path of an image.")
    return _read_all(paths)


def _read_all(paths: Sequence[Path]) -> Iterator[Picture]:
    for path in paths:
        if path.is_dir():
            yield from _read_folder(path)
        elif path.suffix.lower() == ".npz":
            yield from _read_arrays(path)
        else:
            yield _read_file(path)


def _read_folder(folder: Path) -> Iterator[Picture]:
    known = image_suffixes()
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix.lower() in known)
    if not files:
        yield Picture(str(folder), None, f"the folder {folder} has no images in it")
    for path in files:
        yield _read_file(path)


def _read_file(path: Path) -> Picture:
    try:
        return Picture(str(path), decode_file(path))
    except UnreadableImageError as error:
        return Picture(str(path), None, str(error))


def _read_arrays(path: Path) -> Iterator[Picture]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            images = archive["images"]
        _check_shape(images)
        value_range = find_range(images, str(path))
    except (KeyError, ValueError, OSError, EOFError, InputError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        yield Picture(str(path), None, f"{path} has no images that can be read: {reason}")
        return
    for row, image in enumerate(images):
        yield Picture(f"{path}[{row}]", to_rgb(image, value_range))


def _check_shape(images: np.ndarray) -> None:
    is_grey = images.ndim == 3
    is_colour = images.ndim == 4 and images.shape[3] in (1, 3, 4)
    if not (is_grey or is_colour) or 0 in images.shape:
        raise InputError(f"the array 'images' has shape {images.shape}")
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise InputError(f"the array 'images' is {images.dtype}, not uint8 or float")
