"""Any file that Pillow reads, as 8-bit RGB.

EPS is left out: Pillow hands it to an external interpreter, which a picture from anywhere must not
reach.
"""

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from objectives.data.source import UnreadableImageError
from objectives.records import ImageArray

LARGEST_PIXELS = 100_000_000
"""A larger picture is refused before it is decoded: a few kilobytes can claim terabytes."""

# What Pillow's decoders raise on damaged files, besides OSError.
_DAMAGE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def image_suffixes() -> frozenset[str]:
    """Return the file name endings, in lower case, of the formats that can be read."""
    known = Image.registered_extensions()
    return frozenset(suffix for suffix, name in known.items() if name in _formats())


def decode_file(path: Path) -> ImageArray:
    """Decode one file, upright, as 8-bit RGB of shape ``(height, width, 3)``.

    Raises:
        UnreadableImageError: If it is missing, damaged, too large, or no image.
    """
    try:
        with Image.open(path, formats=_formats()) as image:
            if image.width * image.height > LARGEST_PIXELS:
                raise UnreadableImageError(
                    f"{path} is {image.width} x {image.height} pixels; at most {LARGEST_PIXELS} "
                    "pixels are decoded."
                )
            return _to_rgb(ImageOps.exif_transpose(image))
    except _DAMAGE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnreadableImageError(f"{path} cannot be decoded: {reason}") from error


def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in Image.OPEN if name != "EPS")


def _to_rgb(image: Image.Image) -> ImageArray:
    if image.mode.startswith("I") or image.mode == "F":
        return _wide_to_rgb(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return np.asarray(Image.alpha_composite(white, rgba).convert("RGB"))
    return np.asarray(image.convert("RGB"))


def _wide_to_rgb(image: Image.Image) -> ImageArray:
    values = np.asarray(image, dtype=np.float64)
    top = 65535 if image.mode.startswith("I") else 255
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > top:
        raise ValueError(f"its numbers are outside 0 to {top}")
    if top == 65535:
        eight_bit = values // 256
    else:
        eight_bit = np.rint(values * 255 if values.max() <= 1 else values)
    return np.repeat(eight_bit.astype(np.uint8)[..., None], 3, axis=2)
