"""Any file that Pillow reads, as 8-bit RGB.

EPS is left out: Pillow hands it to an external interpreter, which a picture from anywhere must not
reach.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from objectives.data.pixels import IN_MEMORY, bands, check_size
from objectives.data.source import UnreadableImageError
from objectives.records import ImageArray
from spaces.errors import InputError
from spaces.files import shown_path

_WIDEST = 65535

# What Pillow's decoders raise on damaged files, besides OSError.
_DAMAGE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    MemoryError,
    RuntimeError,
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
        UnreadableImageError: If it is missing, no file, damaged, too large, or no image.
    """
    with decoded(path) as image:
        return image


@contextmanager
def decoded(path: Path) -> Iterator[ImageArray]:
    """Decode one file as ``decode_file`` does; its pixels count as in memory within the block.

    Raises:
        UnreadableImageError: As ``decode_file``.
    """
    with ExitStack() as counted:
        with _damage_is_unreadable(path):
            # Opening a named pipe would wait for somebody to write to it.
            if path.exists() and not path.is_file():
                raise ValueError("it is no file")
            with Image.open(path, formats=_formats()) as image:
                check_size(image.height, image.width, "it")
                counted.enter_context(IN_MEMORY.taken(image.width * image.height))
                ImageOps.exif_transpose(image, in_place=True)
                # An icon's picture has its own size, which shows only now.
                check_size(image.height, image.width, "it")
                pixels = _to_rgb(image)
        yield pixels


@contextmanager
def _damage_is_unreadable(path: Path) -> Iterator[None]:
    try:
        yield
    except (InputError, *_DAMAGE) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnreadableImageError(f"{shown_path(path)} cannot be decoded: {reason}") from error


def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in Image.OPEN if name != "EPS")


def _to_rgb(image: Image.Image) -> ImageArray:
    is_wide = image.mode.startswith("I") or image.mode == "F"
    scale = _scale_of_wide(image) if is_wide else 1.0
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for rows, band in _bands_of(image):
        pixels[rows] = _wide_to_rgb(band, scale) if is_wide else _band_to_rgb(band)
    return pixels


def _bands_of(image: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    for rows in bands(image.height, image.width):
        yield rows, image.crop((0, rows.start, image.width, rows.stop))


def _band_to_rgb(band: Image.Image) -> ImageArray:
    if band.has_transparency_data:
        rgba = band.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return np.asarray(Image.alpha_composite(white, rgba).convert("RGB"))
    return np.asarray(band.convert("RGB"))


def _scale_of_wide(image: Image.Image) -> float:
    """Find what 16-bit numbers, or floats up to 1 or 255, are multiplied by."""
    top = _WIDEST if image.mode.startswith("I") else 255
    largest = 0.0
    for _, band in _bands_of(image):
        values = _values_of(band)
        if not np.isfinite(values).all() or values.min() < 0 or values.max() > top:
            raise ValueError(f"its numbers are outside 0 to {top}")
        largest = max(largest, float(values.max()))
    if top == _WIDEST:
        return 1 / 256
    return 255.0 if largest <= 1 else 1.0


def _wide_to_rgb(band: Image.Image, scale: float) -> ImageArray:
    values = _values_of(band) * scale
    eight_bit = np.floor(values) if band.mode.startswith("I") else np.rint(values)
    return np.repeat(eight_bit.astype(np.uint8)[..., None], 3, axis=2)


def _values_of(band: Image.Image) -> npt.NDArray[np.float64]:
    return np.asarray(band, dtype=np.float64)
