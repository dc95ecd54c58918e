"""Common corruptions for the holdout: nothing is ever trained on or selected by them.

Source: Hendrycks & Dietterich 2019, arXiv:1903.12261, with the constants of ImageNet-C
(github.com/hendrycks/robustness). Those were chosen for 224 pixels, so blur is scaled to the size of
the image; noise, grey levels, JPEG quality and relative resolution do not depend on it.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

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
    function, constants = _CORRUPTIONS[name]
    constant = constants[SEVERITIES.index(severity)]
    stream = tuple(_CORRUPTIONS).index(name) * 8 + severity
    corrupted = np.empty_like(images)
    for row, image in enumerate(images):
        draws = generator(seed, stream, first_row + row)
        corrupted[row] = function(image, constant, draws)
    return corrupted


def _gaussian_noise(image: ImageArray, scale: float, draws: np.random.Generator) -> ImageArray:
    return _levels(image / 255 + draws.normal(scale=scale, size=image.shape))


def _shot_noise(image: ImageArray, photons: float, draws: np.random.Generator) -> ImageArray:
    return _levels(draws.poisson(image / 255 * photons) / photons)


def _impulse_noise(image: ImageArray, share: float, draws: np.random.Generator) -> ImageArray:
    hit = draws.random(image.shape) < share
    salt = draws.random(image.shape) < 0.5
    return np.where(hit, np.where(salt, 255, 0), image).astype(np.uint8)


def _gaussian_blur(image: ImageArray, sigma_px: float, draws: np.random.Generator) -> ImageArray:
    scaled_px = sigma_px * image.shape[1] / _IMAGENET_PX
    size = 2 * round(4 * scaled_px) + 1
    blurred: ImageArray = cv2.GaussianBlur(
        image, (size, size), scaled_px, borderType=cv2.BORDER_REPLICATE
    )
    return blurred


def _contrast(image: ImageArray, factor: float, draws: np.random.Generator) -> ImageArray:
    mean = image.mean(axis=(0, 1), keepdims=True)
    return _levels(((image - mean) * factor + mean) / 255)


def _brightness(image: ImageArray, added: float, draws: np.random.Generator) -> ImageArray:
    """Add to the value of hue, saturation and value: hue and saturation stay."""
    share = image / 255
    value = share.max(axis=2, keepdims=True)
    brighter = np.minimum(value + added, 1.0)
    return _levels(np.where(value > 0, share / np.maximum(value, 1e-9) * brighter, brighter))


def _jpeg(image: ImageArray, quality: float, draws: np.random.Generator) -> ImageArray:
    # Pillow's default, which ImageNet-C was made with, halves the chroma's resolution both ways.
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        int(quality),
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    ]
    _, coded = cv2.imencode(".jpg", image[:, :, ::-1], options)
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR)[:, :, ::-1], dtype=np.uint8)


def _pixelate(image: ImageArray, share: float, draws: np.random.Generator) -> ImageArray:
    size_px = image.shape[1]
    small_px = max(1, int(size_px * share))
    small = cv2.resize(image, (small_px, small_px), interpolation=cv2.INTER_AREA)
    large: ImageArray = cv2.resize(small, (size_px, size_px), interpolation=cv2.INTER_NEAREST)
    return large


def _levels(shares: np.ndarray) -> ImageArray:
    return np.rint(shares.clip(0, 1) * 255).astype(np.uint8)


_Corruption = Callable[[ImageArray, float, np.random.Generator], ImageArray]
_CORRUPTIONS: dict[str, tuple[_Corruption, Sequence[float]]] = {
    "gaussian_noise": (_gaussian_noise, (0.08, 0.18, 0.38)),
    "shot_noise": (_shot_noise, (60, 12, 3)),
    "impulse_noise": (_impulse_noise, (0.03, 0.09, 0.27)),
    "gaussian_blur": (_gaussian_blur, (1, 3, 6)),
    "contrast": (_contrast, (0.4, 0.2, 0.05)),
    "brightness": (_brightness, (0.1, 0.3, 0.5)),
    "jpeg": (_jpeg, (25, 15, 7)),
    "pixelate": (_pixelate, (0.6, 0.4, 0.25)),
}
CORRUPTIONS: tuple[str, ...] = tuple(_CORRUPTIONS)
