"""Common corruptions for the holdout: nothing is ever trained on or selected by them.

Source: Hendrycks & Dietterich 2019, arXiv:1903.12261, with the constants of ImageNet-C
(github.com/hendrycks/robustness). Those were chosen for 224 pixels, so blur is scaled to the size
of the image; noise, grey levels, JPEG quality and relative resolution do not depend on it.
"""

import io
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from objectives.augmentation.draws import generator
from objectives.records import ImageArray
from spaces.errors import InputError, unknown_name

SEVERITIES: tuple[int, ...] = (1, 3, 5)
"""Of ImageNet-C's five severities, those that are built: mild, middle and strong."""
_IMAGENET_PX = 224


def corrupt(
    images: ImageArray, name: str, severity: int, *, seed: int, first_row: int = 0
) -> ImageArray:
    """Corrupt images.

    Args:
        images: Shape ``(n, px, px, 3)``, uint8; not changed.
        name: One of ``CORRUPTIONS``.
        severity: One of ``SEVERITIES``.
        seed: At least 0 and below 2**64. With the row it decides all noise, so that an image comes
            out the same whatever else is in the batch.
        first_row: The row number of ``images[0]``, for data that is corrupted part by part.

    Returns:
        The same shape and type.

    Raises:
        InputError: If name or severity is unknown.
    """
    if name not in CORRUPTIONS:
        raise unknown_name("corruption", name, CORRUPTIONS)
    if severity not in SEVERITIES:
        known = ", ".join(map(str, SEVERITIES))
        raise InputError(f"unknown severity {severity!r} of corruption {name!r}; known: {known}")
    constant = _CONSTANTS[name][SEVERITIES.index(severity)]
    stream = CORRUPTIONS.index(name) * 8 + severity
    corrupted = np.empty_like(images)
    for row, image in enumerate(images):
        if name in _NOISES:
            draws = generator(seed, stream, first_row + row)
            corrupted[row] = _NOISES[name](image, constant, draws)
        else:
            corrupted[row] = _FILTERS[name](image, constant)
    return corrupted


def _gaussian_noise(image: ImageArray, scale: float, draws: np.random.Generator) -> ImageArray:
    return _levels(image / 255 + draws.normal(scale=scale, size=image.shape))


def _shot_noise(image: ImageArray, photons: float, draws: np.random.Generator) -> ImageArray:
    return _levels(draws.poisson(image / 255 * photons) / photons)


def _impulse_noise(image: ImageArray, share: float, draws: np.random.Generator) -> ImageArray:
    hit = draws.random(image.shape) < share
    salt = draws.random(image.shape) < 0.5
    return np.where(hit, np.where(salt, 255, 0), image).astype(np.uint8)


def _gaussian_blur(image: ImageArray, sigma_px: float) -> ImageArray:
    scaled_px = sigma_px * image.shape[1] / _IMAGENET_PX
    size = 2 * round(4 * scaled_px) + 1
    blurred: ImageArray = cv2.GaussianBlur(
        image, (size, size), scaled_px, borderType=cv2.BORDER_REPLICATE
    )
    return blurred


def _contrast(image: ImageArray, factor: float) -> ImageArray:
    mean = image.mean(axis=(0, 1), keepdims=True)
    return _levels(((image - mean) * factor + mean) / 255)


def _brightness(image: ImageArray, added: float) -> ImageArray:
    """Add to the value of hue, saturation and value: hue and saturation stay."""
    share = image / 255
    value = share.max(axis=2, keepdims=True)
    brighter = np.minimum(value + added, 1.0)
    return _levels(np.where(value > 0, share / np.maximum(value, 1e-9) * brighter, brighter))


def _jpeg(image: ImageArray, quality: float) -> ImageArray:
    coded = io.BytesIO()
    Image.fromarray(image).save(coded, "JPEG", quality=int(quality))
    with Image.open(coded) as decoded:
        return np.asarray(decoded)


def _pixelate(image: ImageArray, share: float) -> ImageArray:
    size_px = image.shape[1]
    small_px = max(1, int(size_px * share))
    picture = Image.fromarray(image).resize((small_px, small_px), Image.Resampling.BOX)
    return np.asarray(picture.resize((size_px, size_px), Image.Resampling.BOX), np.uint8)


def _levels(shares: npt.NDArray[np.float64]) -> ImageArray:
    levels: ImageArray = np.rint(shares.clip(0, 1) * 255).astype(np.uint8)
    return levels


_NOISES: dict[str, Callable[[ImageArray, float, np.random.Generator], ImageArray]] = {
    "gaussian_noise": _gaussian_noise,
    "shot_noise": _shot_noise,
    "impulse_noise": _impulse_noise,
}
_FILTERS: dict[str, Callable[[ImageArray, float], ImageArray]] = {
    "gaussian_blur": _gaussian_blur,
    "contrast": _contrast,
    "brightness": _brightness,
    "jpeg": _jpeg,
    "pixelate": _pixelate,
}
_CONSTANTS: dict[str, tuple[float, float, float]] = {
    "gaussian_noise": (0.08, 0.18, 0.38),
    "shot_noise": (60, 12, 3),
    "impulse_noise": (0.03, 0.09, 0.27),
    "gaussian_blur": (1, 3, 6),
    "contrast": (0.4, 0.2, 0.05),
    "brightness": (0.1, 0.3, 0.5),
    "jpeg": (25, 15, 7),
    "pixelate": (0.6, 0.4, 0.25),
}
CORRUPTIONS: tuple[str, ...] = tuple(_CONSTANTS)
