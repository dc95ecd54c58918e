"""What the numbers of an image array mean, and how they become 8-bit RGB."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from objectives.data.pixels import BAND_PIXELS, bands
from objectives.records import ImageArray
from spaces.errors import InputError

ValueRange = Literal["uint8", "unit", "byte"]
"""8-bit numbers, floats from 0 to 1, or floats from 0 to 255."""

_CHUNK_ROWS = 256


def find_range(images: npt.NDArray[Any], where: str) -> ValueRange:
    """Decide what floats mean: a largest number up to 1 means that all are from 0 to 1.

    Args:
        images: All images, shape ``(rows, height, width[, channels])``, maybe mapped.
        where: What to call the data in an error.

    Raises:
        InputError: If a number is NaN, negative, or above 255.
    """
    if images.dtype == np.uint8:
        return "uint8"
    largest = 0.0
    for start in range(0, len(images), _CHUNK_ROWS):
        chunk = images[start : start + _CHUNK_ROWS]
        low, high = float(chunk.min()), float(chunk.max())
        if not (low >= 0 and high <= 255):
            raise InputError(
                f"{where}: images in rows {start} to {start + len(chunk) - 1} have numbers from "
                f"{low:g} to {high:g}; known: floats in [0, 1] or [0, 255]. Rescale them, and "
                "leave images with NaN out."
            )
        largest = max(largest, high)
    return "unit" if largest <= 1 else "byte"


def to_rgb(image: npt.NDArray[Any], value_range: ValueRange) -> ImageArray:
    """Make one image 8-bit RGB: grey repeated, transparency over white.

    Args:
        image: Shape ``(height, width)`` or ``(height, width, channels)`` with 1, 3 or 4 channels.
        value_range: As ``find_range`` found for the whole array.

    Returns:
        Shape ``(height, width, 3)``.
    """
    height, width = image.shape[:2]
    if height * width <= BAND_PIXELS:
        return _band_to_rgb(image, value_range)
    rgb = np.empty((height, width, 3), np.uint8)
    for rows in bands(height, width):
        rgb[rows] = _band_to_rgb(image[rows], value_range)
    return rgb


def _band_to_rgb(image: npt.NDArray[Any], value_range: ValueRange) -> ImageArray:
    eight_bit = image
    if value_range != "uint8":
        scale = 255.0 if value_range == "unit" else 1.0
        eight_bit = np.rint(image.astype(np.float64) * scale).astype(np.uint8)
    if eight_bit.ndim == 2:
        eight_bit = eight_bit[..., None]
    if eight_bit.shape[2] == 1:
        return np.repeat(eight_bit, 3, axis=2)
    return _over_white(eight_bit) if eight_bit.shape[2] == 4 else eight_bit


def _over_white(rgba: ImageArray) -> ImageArray:
    alpha = rgba[..., 3:].astype(np.float64) / 255
    blended = rgba[..., :3] * alpha + 255 * (1 - alpha)
    return np.rint(blended).astype(np.uint8)
