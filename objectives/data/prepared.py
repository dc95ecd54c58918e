"""The resized pictures, an entry of the store that every worker maps instead of the source.

The store (``objectives.store.array_store``) makes them once for all processes of a machine, checks
them when they are opened, and never evicts them while somebody has them open. Beside the pictures
the entry keeps what goes with them: labels, class names and content hashes.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from objectives.data.content import UNREADABLE, fingerprint, hash_content
from objectives.data.reading import read_each
from objectives.data.resizing import resize
from objectives.data.source import ImageSource, UnreadableImageError
from objectives.records import ImageArray, LabelledImages
from objectives.store.array_store import Arrays, ArrayStore, ArrayWriter, Key, StoreFull
from spaces.errors import DiskFullError, InputError

IMAGES_KIND = "images"
"""The ``kind`` in the key of every such entry."""

_FORMAT = 2
_HASH_BYTES = 32


@dataclass(frozen=True)
class _Picture:
    resized: ImageArray
    content_hash: str


def prepare(source: ImageSource, image_px: int, store: ArrayStore) -> LabelledImages:
    """Resize all pictures into a store, or reopen them if they are there.

    A picture that cannot be decoded becomes a black one with the content hash ``""``; the audit
    leaves it out, and ``draw_splits`` refuses to include it.

    Args:
        source: The data set.
        image_px: Height and width of the result, in pixels.
        store: Keeps the pictures; they stay in it for as long as the result's are held.

    Returns:
        All rows, the pictures memory-mapped for reading.

    Raises:
        InputError: If the source's numbers are no pictures, or the pictures alone are larger than
            the store may be.
        DiskFullError: If there is no room for them now; nothing half-made stays.
    """
    n_bytes = len(source) * image_px * image_px * 3
    if n_bytes > store.max_bytes:
        raise InputError(
            f"{source.path}: {len(source)} images of {image_px} x {image_px} pixels take "
            f"{n_bytes / 1e9:.2g} GB, more than the {store.max_bytes / 1e9:.2g} GB that may be "
            "stored. Raise FOLDSWEEP_STORE_GB, or lower data.image_px."
        )
    try:
        arrays = store.get(
            images_key(source, image_px), lambda writer: _write(source, image_px, writer)
        )
    except StoreFull as error:
        raise DiskFullError(f"there is no room for the images of {source.path}: {error}") from error
    return _labelled_images(arrays)


def images_key(source: ImageSource, image_px: int) -> Key:
    """Name the entry of a data set's pictures at a size."""
    return {
        "kind": IMAGES_KIND,
        "source": source.stamp(),
        "image_px": image_px,
        "format": _FORMAT,
    }


def _write(source: ImageSource, image_px: int, writer: ArrayWriter) -> None:
    names = np.frombuffer(json.dumps(source.class_names).encode(), np.uint8)
    n_rows = len(source)
    images = writer.create("images", (n_rows, image_px, image_px, 3), np.uint8)
    hashes = writer.create("content_hashes", (n_rows, _HASH_BYTES), np.uint8)
    readable = writer.create("readable", (n_rows,), np.bool_)
    writer.create("labels", (n_rows,), np.int64)[:] = source.labels
    writer.create("class_names", names.shape, np.uint8)[:] = names
    for row, picture in enumerate(_pictures(source, image_px)):
        images[row] = picture.resized
        readable[row] = picture.content_hash != UNREADABLE
        if readable[row]:
            hashes[row] = np.frombuffer(bytes.fromhex(picture.content_hash), np.uint8)


def _pictures(source: ImageSource, image_px: int) -> Iterator[_Picture]:
    def make(image: ImageArray) -> _Picture:
        return _Picture(resize(image, image_px), hash_content(image))

    black = _Picture(np.zeros((image_px, image_px, 3), np.uint8), UNREADABLE)
    for made in read_each(source, make):
        yield black if isinstance(made, UnreadableImageError) else made


def _labelled_images(arrays: Arrays) -> LabelledImages:
    # All but the pictures are copied: an array from the store holds a file open.
    labels = np.array(arrays["labels"])
    class_names = tuple(json.loads(arrays["class_names"].tobytes()))
    content_hashes = tuple(
        content.tobytes().hex() if readable else UNREADABLE
        for content, readable in zip(arrays["content_hashes"], arrays["readable"], strict=True)
    )
    return LabelledImages(
        images=arrays["images"],
        labels=labels,
        class_names=class_names,
        content_hashes=content_hashes,
        fingerprint=fingerprint(content_hashes, labels, class_names),
    )
