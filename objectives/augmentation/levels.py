"""Tables of grey levels: what keras-cv's pixel-wise layers do, rounded to whole levels once."""

import numpy as np
import numpy.typing as npt

from objectives.augmentation.canvas import Counts, Table

_LEVELS = np.arange(256, dtype=np.float32)
_NEVER = np.iinfo(np.int64).max


def auto_contrast(counts: Counts) -> Table:
    """Stretch each channel to 0 .. 255; a channel of one level stays (``AutoContrast``)."""
    present = counts > 0
    low = present.argmax(axis=0)
    high = 255 - present[::-1].argmax(axis=0)
    scale = np.where(high > low, 255.0 / np.maximum(high - low, 1), 1.0)
    offset = np.where(high > low, low, 0)
    return _rounded((_LEVELS[:, None] - offset) * scale)


def equalize(counts: Counts) -> Table:
    """Flatten each channel's histogram, with the integer steps of ``Equalization``."""
    rarest = np.where(counts == 0, _NEVER, counts).min(axis=0)
    step = (counts.sum(axis=0) - rarest) // 255
    safe_step = np.maximum(step, 1)
    table = (np.cumsum(counts, axis=0) + safe_step // 2) // safe_step
    shifted = np.zeros((256, 3), np.uint8)
    shifted[1:] = np.minimum(table[:-1], 255)
    for channel in np.flatnonzero(step == 0):
        shifted[:, channel] = _LEVELS
    return shifted


def contrast(counts: Counts, factor: float) -> Table:
    """Scale each channel's distance to its mean (``RandomContrast``)."""
    mean = (_LEVELS @ counts) / counts.sum(axis=0)
    return _rounded((_LEVELS[:, None] - mean) * factor + mean)


def brightness(added_levels: float) -> Table:
    """Add to every channel (``RandomBrightness``)."""
    return _rounded(_LEVELS + added_levels)


def solarize(threshold: float, added_levels: float = 0.0) -> Table:
    """Add, then invert what is not below the threshold (``Solarization``)."""
    brightened = np.minimum(_LEVELS + added_levels, 255)
    return _rounded(np.where(brightened < threshold, brightened, 255.0 - brightened))


def posterize(shift_bits: int) -> Table:
    """Clear the lowest bits (``Posterization``, and AugMix's own)."""
    levels = np.arange(256)
    table: Table = ((levels >> shift_bits) << shift_bits).astype(np.uint8)
    return table


def _rounded(levels: npt.NDArray[np.floating]) -> Table:
    table: Table = np.minimum(np.maximum(levels + 0.5, 0), 255).astype(np.uint8)
    return table
