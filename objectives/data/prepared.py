"""The resized pictures on disk, which every worker maps instead of reading the source again.

A folder holds ``images.npy`` and ``meta.json``; the latter is written last and has the former's
checksum, so half-written or damaged pictures are noticed and made again. Work on a folder that
several processes want is done once, under a file lock.
"""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock

from objectives.data.content import UNREADABLE, fingerprint, hash_content
from objectives.data.reading import read_each
from objectives.data.resizing import resize
from objectives.data.source import ImageSource, UnreadableImageError
from objectives.records import ImageArray, LabelledImages
from spaces.errors import InputError, UnavailableError
from spaces.files import replacing

_FORMAT = 1
_CHECK_BYTES = 1 << 22


@dataclass(frozen=True)
class _Picture:
    resized: ImageArray
    content_hash: str


def prepare(source: ImageSource, image_px: int, folder: Path) -> LabelledImages:
    """Resize all pictures into a folder, or reopen them if they are there.

    A picture that cannot be decoded becomes a black one with the content hash ``""``; the audit
    leaves it out, and ``draw_splits`` refuses to include it.

    Args:
        source: The data set.
        image_px: Height and width of the result, in pixels.
        folder: Made if need be; one folder for each data set and size.

    Returns:
        All rows, the pictures memory-mapped for reading.

    Raises:
        InputError: If the source's numbers are no pictures.
        UnavailableError: If the disk is full or fails; nothing half-made stays.
    """
    stamp = source.stamp()
    data = _reopen(folder, image_px, stamp)
    if data is not None:
        return data
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "prepare.lock"):
        data = _reopen(folder, image_px, stamp)
        if data is None:
            _write(source, image_px, folder, stamp)
            data = _reopen(folder, image_px, stamp)
    if data is None:
        raise UnavailableError(f"{folder} does not keep what is written to it; check the disk.")
    return data


def open_prepared(folder: Path) -> LabelledImages:
    """Open what ``prepare`` left, without looking at the source.

    Raises:
        InputError: If nothing whole is there.
    """
    data = _reopen(folder, None, None)
    if data is None:
        raise InputError(
            f"{folder} holds no prepared images, or damaged ones; launch the sweep again, which "
            "makes them anew."
        )
    return data


def _write(source: ImageSource, image_px: int, folder: Path, stamp: str) -> None:
    hashes: list[str] = []
    (folder / "meta.json").unlink(missing_ok=True)
    checksum = 0
    with replacing(folder / "images.npy") as file:
        _write_header(file, (len(source), image_px, image_px, 3))
        for picture in _pictures(source, image_px):
            content = picture.resized.tobytes()
            checksum = zlib.crc32(content, checksum)
            file.write(content)
            hashes.append(picture.content_hash)
    meta = {
        "format": _FORMAT,
        "image_px": image_px,
        "stamp": stamp,
        "checksum": checksum,
        "fingerprint": fingerprint(hashes, source.labels, source.class_names),
        "class_names": list(source.class_names),
        "labels": source.labels.tolist(),
        "content_hashes": hashes,
    }
    with replacing(folder / "meta.json") as file:
        file.write(json.dumps(meta).encode())


def _pictures(source: ImageSource, image_px: int) -> Iterator[_Picture]:
    def make(image: ImageArray) -> _Picture:
        return _Picture(resize(image, image_px), hash_content(image))

    black = _Picture(np.zeros((image_px, image_px, 3), np.uint8), UNREADABLE)
    for made in read_each(source, make):
        yield black if isinstance(made, UnreadableImageError) else made


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    # Written as a stream: on a full disk a memory map would kill the process instead of raising.
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _reopen(folder: Path, image_px: int | None, stamp: str | None) -> LabelledImages | None:
    meta = _read_meta(folder / "meta.json")
    if meta is None or (
        stamp is not None and (image_px, stamp) != (meta["image_px"], meta["stamp"])
    ):
        return None
    try:
        images = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    expected = (len(meta["labels"]), meta["image_px"], meta["image_px"], 3)
    if (
        images.shape != expected
        or images.dtype != np.uint8
        or _checksum(images) != meta["checksum"]
    ):
        return None
    return LabelledImages(
        images=images,
        labels=np.asarray(meta["labels"], dtype=np.int64),
        class_names=tuple(meta["class_names"]),
        content_hashes=tuple(meta["content_hashes"]),
        fingerprint=meta["fingerprint"],
    )


def _read_meta(path: Path) -> dict[str, Any] | None:
    try:
        meta = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    known = isinstance(meta, dict) and meta.get("format") == _FORMAT
    return meta if known else None


def _checksum(images: ImageArray) -> int:
    content = images.reshape(-1)
    checksum = 0
    for start in range(0, len(content), _CHECK_BYTES):
        checksum = zlib.crc32(content[start : start + _CHECK_BYTES].data, checksum)
    return checksum
