"""One look at every picture: what the audit keeps of it, about a kilobyte."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image

from objectives.data import ImageSource, UnreadableImageError
from objectives.data.content import UNREADABLE, hash_content
from objectives.data.reading import read_each
from objectives.records import ImageArray

HashArray = npt.NDArray[np.uint64]
THUMBNAIL_PX = 32


class Look(NamedTuple):
    """What is kept of one picture."""

    content_hash: str
    height_px: int
    width_px: int
    contrast: float
    phash: np.uint64
    dhash: np.uint64
    thumbnail: ImageArray


@dataclass(frozen=True)
class Looks:
    """What is kept of all pictures; rows that cannot be read hold zeros."""

    content_hashes: tuple[str, ...]
    sizes_px: npt.NDArray[np.int64]
    """Height and width, shape ``(rows, 2)``."""
    contrasts: npt.NDArray[np.float32]
    """Standard deviation of the channel that varies most, in grey levels, shape ``(rows,)``."""
    phashes: HashArray
    dhashes: HashArray
    thumbnails: ImageArray
    """Grey and slightly blurred, shape ``(rows, 32, 32)``."""
    unreadable: dict[int, str]
    """Row to what went wrong."""


def look_at_all(source: ImageSource) -> Looks:
    """Look at each picture of a source, in threads.

    Raises:
        InputError: If the source's numbers are no pictures.
    """
    looks: list[Look] = []
    unreadable: dict[int, str] = {}
    zero = np.uint64(0)
    nothing = Look(UNREADABLE, 0, 0, 0.0, zero, zero, np.zeros((THUMBNAIL_PX,) * 2, np.uint8))
    for row, made in enumerate(read_each(source, look_at)):
        if isinstance(made, UnreadableImageError):
            unreadable[row] = str(made)
        looks.append(nothing if isinstance(made, UnreadableImageError) else made)
    return Looks(
        content_hashes=tuple(look.content_hash for look in looks),
        sizes_px=np.array([(look.height_px, look.width_px) for look in looks], np.int64),
        contrasts=np.array([look.contrast for look in looks], np.float32),
        phashes=np.array([look.phash for look in looks], np.uint64),
        dhashes=np.array([look.dhash for look in looks], np.uint64),
        thumbnails=np.stack([look.thumbnail for look in looks]),
        unreadable=unreadable,
    )


def look_at(image: ImageArray) -> Look:
    """Hash and shrink one picture of shape ``(height, width, 3)``."""
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    picture = Image.fromarray(grey)
    small = cv2.resize(grey, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA)
    return Look(
        content_hash=hash_content(image),
        height_px=image.shape[0],
        width_px=image.shape[1],
        contrast=float(cv2.meanStdDev(image)[1].max()),
        phash=_as_number(imagehash.phash(picture)),
        dhash=_as_number(imagehash.dhash(picture)),
        thumbnail=np.asarray(cv2.GaussianBlur(small, (0, 0), 1.0), dtype=np.uint8),
    )


def _as_number(bits: imagehash.ImageHash) -> np.uint64:
    return np.uint64(np.packbits(bits.hash.ravel()).view(np.uint64)[0])
