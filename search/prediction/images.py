"""Pictures to classify: files, folders of them, and arrays; none of them labelled."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from objectives.data.arrays import count_images, open_images
from objectives.data.decoding import decode_file, image_suffixes
from objectives.data.source import UnreadableImageError
from objectives.data.values import to_rgb
from objectives.records import ImageArray
from spaces.errors import InputError
from spaces.files import shown_path


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
        DiskFullError: If the disk has no room to unpack an array.
    """
    for path in paths:
        if not path.exists():
            raise InputError(
                f"there is no file or folder {shown_path(path)}; write the path of an image."
            )
    return _read_all(paths)


def count_pictures(paths: Sequence[Path]) -> int:
    """Count what ``read_pictures`` gives, without reading a picture."""
    return sum(map(_count, paths))


def _count(path: Path) -> int:
    if path.is_dir():
        return max(1, len(_image_files(path)))
    if path.suffix.lower() == ".npz":
        with suppress(InputError, OSError):
            return count_images(path)
    return 1


def _read_all(paths: Sequence[Path]) -> Iterator[Picture]:
    for path in paths:
        if path.is_dir():
            yield from _read_folder(path)
        elif path.suffix.lower() == ".npz":
            yield from _read_arrays(path)
        else:
            yield _read_file(path)


def _read_folder(folder: Path) -> Iterator[Picture]:
    files = _image_files(folder)
    if not files:
        yield Picture(
            shown_path(folder), None, f"the folder {shown_path(folder)} has no images in it"
        )
    for path in files:
        yield _read_file(path)


def _image_files(folder: Path) -> list[Path]:
    known = image_suffixes()
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix.lower() in known)


def _read_file(path: Path) -> Picture:
    try:
        return Picture(shown_path(path), decode_file(path))
    except UnreadableImageError as error:
        return Picture(shown_path(path), None, str(error))


def _read_arrays(path: Path) -> Iterator[Picture]:
    name = shown_path(path)
    try:
        images, value_range = open_images(path)
    except (InputError, OSError) as error:
        yield Picture(name, None, f"{name} has no images that can be read: {error}")
        return
    for row, image in enumerate(images):
        yield Picture(f"{name}[{row}]", to_rgb(np.asarray(image), value_range))
