"""RandAugment on OpenCV, operation by operation as ``keras_cv.layers.RandAugment`` 0.9.0 draws."""

import numpy as np

from objectives.augmentation import levels
from objectives.augmentation.canvas import Canvas
from objectives.records import ImageArray
from spaces.operations import RandAugment

# The order of RandAugment.get_standard_policy. As in keras-cv and unlike the paper there is no
# posterize, rotate or sharpness, colour is only ever taken away, and shears turn about the corner.
NAMES = (
    "auto_contrast",
    "equalize",
    "solarize",
    "color",
    "contrast",
    "brightness",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
)
_MAX_ADDED_LEVELS = 110.0


def rand_augment(
    images: ImageArray, settings: RandAugment, draws: np.random.Generator
) -> ImageArray:
    """Augment pictures, shape ``(n, px, px, 3)``; all draws are made before the first picture."""
    shape = (len(images), settings.count)
    names = draws.integers(len(NAMES), size=shape)
    applied = draws.random(shape) <= settings.rate
    magnitudes = draws.normal(settings.magnitude, settings.magnitude_stddev, shape).clip(0.0, 1.0)
    thresholds = draws.normal(1 - settings.magnitude, settings.magnitude_stddev, shape).clip(0, 1)
    uniforms = draws.uniform(-1.0, 1.0, shape)
    augmented = np.empty_like(images)
    for row, image in enumerate(images):
        canvas = Canvas(image)
        for step in np.flatnonzero(applied[row]):
            at = row, step
            apply_operation(
                canvas,
                NAMES[names[at]],
                magnitude=float(magnitudes[at]),
                threshold=float(thresholds[at]),
                uniform=float(uniforms[at]),
                limit=settings.magnitude,
            )
        augmented[row] = canvas.pixels()
    return augmented


def apply_operation(
    canvas: Canvas, name: str, *, magnitude: float, threshold: float, uniform: float, limit: float
) -> None:
    """Apply one operation of ``NAMES``.

    Args:
        canvas: The picture.
        name: Which one.
        magnitude: A draw around the policy's magnitude, 0 to 1.
        threshold: A draw around 1 - magnitude, 0 to 1: solarization's threshold over 255.
        uniform: A draw in -1 to 1: the share of ``limit`` for operations whose range is even about
            nothing, and the sign of a shear.
        limit: The policy's magnitude.
    """
    width_px = canvas.pixels().shape[1]
    sign = 1.0 if uniform > 0 else -1.0
    match name:
        case "auto_contrast":
            canvas.map_levels(levels.auto_contrast(canvas.counts()))
        case "equalize":
            canvas.map_levels(levels.equalize(canvas.counts()))
        case "solarize":
            canvas.map_levels(levels.solarize(threshold * 255, magnitude * _MAX_ADDED_LEVELS))
        case "color":
            canvas.fade_to_grey(magnitude)
        case "contrast":
            canvas.map_levels(levels.contrast(canvas.counts(), 1 + max(limit, 0.001) * uniform))
        case "brightness":
            canvas.map_levels(levels.brightness(limit * uniform * 255))
        case "shear_x":
            canvas.warp(np.array([[1, sign * magnitude, 0], [0, 1, 0]], np.float32))
        case "shear_y":
            canvas.warp(np.array([[1, 0, 0], [sign * magnitude, 1, 0]], np.float32))
        case "translate_x":
            canvas.warp(np.array([[1, 0, -limit * uniform * width_px], [0, 1, 0]], np.float32))
        case "translate_y":
            canvas.warp(np.array([[1, 0, 0], [0, 1, -limit * uniform * width_px]], np.float32))
