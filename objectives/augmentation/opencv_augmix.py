"""AugMix on OpenCV, operation by operation as ``keras_cv.layers.AugMix`` 0.9.0 draws.

keras-cv departs from the paper: it never draws its vertical translation, passes degrees to a
rotation that takes radians (so that any angle comes out, of one sign), and inverts nearly all grey
levels when it solarizes at a low severity. We follow keras-cv, not the paper, in all of it: the
shift that models are scored under is the one that its users mean by AugMix, and a test holds the
two distributions together.
"""

import math

import cv2
import numpy as np

from objectives.augmentation import levels
from objectives.augmentation.canvas import Canvas
from objectives.records import FloatArray, ImageArray
from spaces.operations import AugMix

NAMES = (
    "auto_contrast",
    "equalize",
    "posterize",
    "rotate",
    "solarize",
    "shear_x",
    "shear_y",
    "translate_x",
)
_MIN_SEVERITY = 0.01


def aug_mix(images: ImageArray, settings: AugMix, draws: np.random.Generator) -> ImageArray:
    """Augment pictures, shape ``(n, px, px, 3)``; all draws are made before the first picture."""
    shape = (len(images), settings.chains, settings.depth)
    depths = draws.integers(1, settings.depth + 1, size=shape[:2])
    names = draws.integers(len(NAMES), size=shape)
    severities = draws.uniform(_MIN_SEVERITY, max(settings.severity, _MIN_SEVERITY), shape)
    signs = np.where(draws.random(shape) > 0.5, -1.0, 1.0)
    chain_weights = draws.dirichlet([settings.alpha] * settings.chains, len(images))
    own_weights = draws.beta(settings.alpha, settings.alpha, len(images))[:, None]
    weights = np.concatenate([own_weights, (1 - own_weights) * chain_weights], axis=1)
    augmented = np.empty_like(images)
    for row, image in enumerate(images):
        start = Canvas(image)
        start.counts()  # the chains share it, and nearly every picture has one that asks
        pictures = [image]
        for chain in range(settings.chains):
            canvas = start.fork()
            for step in range(depths[row, chain]):
                at = row, chain, step
                apply_operation(canvas, NAMES[names[at]], float(severities[at]), float(signs[at]))
            pictures.append(canvas.pixels())
        augmented[row] = _mixed(pictures, weights[row].astype(np.float32))
    return augmented


def apply_operation(canvas: Canvas, name: str, severity: float, sign: float) -> None:
    """Apply one operation of ``NAMES`` at a severity of 0 to 1; ``sign`` is 1 or -1."""
    width_px = canvas.pixels().shape[1]
    match name:
        case "auto_contrast":
            canvas.map_levels(levels.auto_contrast(canvas.counts()))
        case "equalize":
            canvas.map_levels(levels.equalize(canvas.counts()))
        case "posterize":
            canvas.map_levels(levels.posterize(5 - int(severity * 3)))
        case "rotate":
            canvas.warp(rotation(severity * 30, width_px))
        case "solarize":
            canvas.map_levels(levels.solarize(int(severity * 255)))
        case "shear_x":
            canvas.warp(np.array([[1, sign * severity * 0.3, 0], [0, 1, 0]], np.float32))
        case "shear_y":
            canvas.warp(np.array([[1, 0, 0], [sign * severity * 0.3, 1, 0]], np.float32))
        case "translate_x":
            canvas.shift_right(int(sign * severity * width_px / 3))


def rotation(angle_rad: float, width_px: int) -> FloatArray:
    """Build the matrix that turns a square picture about its middle, for ``Canvas.warp``."""
    cosine, sine = math.cos(angle_rad), math.sin(angle_rad)
    middle = (width_px - 1) / 2
    x_offset = middle - (cosine - sine) * middle
    y_offset = middle - (sine + cosine) * middle
    return np.array([[cosine, -sine, x_offset], [sine, cosine, y_offset]], np.float32)


def _mixed(pictures: list[ImageArray], weights: FloatArray) -> ImageArray:
    mixed, total = pictures[0], float(weights[0])
    for picture, weight in zip(pictures[1:], weights[1:].tolist(), strict=True):
        total += weight
        if total > 0:
            mixed = cv2.addWeighted(mixed, 1 - weight / total, picture, weight / total, 0.0)
    return mixed
