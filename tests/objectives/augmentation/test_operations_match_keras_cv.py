"""Each OpenCV operation against keras-cv's layer with its draws forced: the same picture."""

from collections.abc import Callable
from typing import Any

import keras_cv
import numpy as np
import pytest
import tensorflow as tf
from keras_cv.src.utils.fill_utils import fill_rectangle

from objectives.augmentation import levels, opencv_augmix, opencv_randaugment
from objectives.augmentation.canvas import Canvas
from objectives.augmentation.opencv_mixing import square_slices
from objectives.records import ImageArray
from tests.objectives.augmentation.real_pictures import crops

LEVELS = (0, 255)
PICTURES = crops(12, 48)
layers = keras_cv.layers
constant = keras_cv.core.ConstantFactorSampler


def _ours(change: Callable[[Canvas], None]) -> ImageArray:
    changed = []
    for picture in PICTURES:
        canvas = Canvas(picture)
        change(canvas)
        changed.append(canvas.pixels())
    return np.stack(changed)


def _forced(layer: Any, transformations: Any = None) -> np.ndarray:
    return np.asarray(layer.augment_images(tf.constant(PICTURES, tf.float32), transformations))


def _column(value: float) -> tf.Tensor:
    return tf.fill((len(PICTURES), 1), value)


def _scalars(value: float) -> tf.Tensor:
    return tf.fill((len(PICTURES), 1, 1, 1), value)


def _rand_augment(name: str, magnitude: float, uniform: float = 1.0) -> ImageArray:
    return _ours(
        lambda canvas: opencv_randaugment.apply_operation(
            canvas,
            name,
            magnitude=magnitude,
            threshold=1 - magnitude,
            uniform=uniform,
            limit=magnitude,
        )
    )


def _assert_same_levels(ours: ImageArray, reference: np.ndarray, tolerance: float = 0.51) -> None:
    assert np.abs(ours - reference).max() <= tolerance


def _assert_same_warp(ours: ImageArray, reference: np.ndarray) -> None:
    """OpenCV interpolates in 1/32 of a pixel, so steep edges may differ by some levels."""
    difference = np.abs(ours - reference)
    assert difference.mean() < 0.5
    assert difference.max() < 9


def test_auto_contrast_and_equalize() -> None:
    _assert_same_levels(_rand_augment("auto_contrast", 0), _forced(layers.AutoContrast(LEVELS)))
    _assert_same_levels(_rand_augment("equalize", 0), _forced(layers.Equalization(LEVELS)), 0)


def test_a_picture_of_one_level_survives_every_table() -> None:
    flat = np.full((16, 16, 3), 77, np.uint8)
    for name in ("auto_contrast", "equalize", "contrast"):
        canvas = Canvas(flat)
        opencv_randaugment.apply_operation(
            canvas, name, magnitude=0.5, threshold=0.5, uniform=0.3, limit=0.5
        )
        np.testing.assert_array_equal(canvas.pixels(), flat)


@pytest.mark.parametrize("magnitude", [0.2, 0.5, 0.9])
def test_solarize_and_colour(magnitude: float) -> None:
    solarize = {
        "additions": _scalars(magnitude * 110),
        "thresholds": _scalars(255 - magnitude * 255),
    }
    ours = _rand_augment("solarize", magnitude)
    _assert_same_levels(ours, _forced(layers.Solarization(LEVELS), solarize))
    colour = _forced(layers.RandomColorDegeneration(0.5), _scalars(magnitude))
    _assert_same_levels(_rand_augment("color", magnitude), colour, 1.0)


@pytest.mark.parametrize("uniform", [-0.9, 0.4])
def test_contrast_and_brightness(uniform: float) -> None:
    contrast = _forced(layers.RandomContrast(LEVELS, 0.5), _scalars(1 + 0.5 * uniform))
    _assert_same_levels(_rand_augment("contrast", 0.5, uniform), contrast)
    brightness = _forced(layers.RandomBrightness(0.5), _scalars(0.5 * uniform * 255))
    _assert_same_levels(_rand_augment("brightness", 0.5, uniform), brightness)


@pytest.mark.parametrize("signed", [-0.6, 0.3])
def test_shear_and_translation(signed: float) -> None:
    magnitude, sign = abs(signed), float(np.sign(signed))
    shear = layers.RandomShear(0.5, 0.5)
    zero = _column(0.0)
    shears = {"shear_x": _column(signed), "shear_y": zero}
    _assert_same_warp(_rand_augment("shear_x", magnitude, sign), _forced(shear, shears))
    shears = {"shear_x": zero, "shear_y": _column(signed)}
    _assert_same_warp(_rand_augment("shear_y", magnitude, sign), _forced(shear, shears))
    move = layers.RandomTranslation(0.5, 0.5)
    moves = {"width_translations": _column(signed), "height_translations": zero}
    _assert_same_warp(_rand_augment("translate_x", magnitude, sign), _forced(move, moves))
    moves = {"width_translations": zero, "height_translations": _column(signed)}
    _assert_same_warp(_rand_augment("translate_y", magnitude, sign), _forced(move, moves))


@pytest.mark.parametrize("severity", [0.05, 0.3, 0.6])
@pytest.mark.parametrize("name", opencv_augmix.NAMES)
def test_each_operation_of_augmix(name: str, severity: float) -> None:
    layer = layers.AugMix(LEVELS, severity=constant(severity))
    method = getattr(layer, f"_{name}")
    for picture in PICTURES[:4]:
        reference = np.asarray(method(tf.constant(picture, tf.float32)))
        ours = []
        for sign in (1.0, -1.0):
            canvas = Canvas(picture)
            opencv_augmix.apply_operation(canvas, name, severity, sign)
            ours.append(canvas.pixels())
        # The layer draws its sign; one of both must be the picture that it made.
        nearest = min(ours, key=lambda mine: float(np.abs(mine - reference).mean()))
        _assert_same_warp(nearest, reference)


def test_posterize_clears_as_many_bits_as_the_layer() -> None:
    for bits in (2, 4, 7):
        reference = layers.Posterization(value_range=LEVELS, bits=bits)
        ours = _ours(lambda canvas, kept=bits: canvas.map_levels(levels.posterize(8 - kept)))  # type: ignore[misc]
        _assert_same_levels(ours, np.asarray(reference(tf.constant(PICTURES, tf.float32))), 0)


def test_joined_tables_and_moved_counts_equal_one_operation_after_the_other() -> None:
    def joined(canvas: Canvas) -> None:
        canvas.map_levels(levels.solarize(100, 30))
        canvas.map_levels(levels.equalize(canvas.counts()))
        canvas.map_levels(levels.contrast(canvas.counts(), 0.4))
        canvas.map_levels(levels.posterize(3))

    def looked_up(canvas: Canvas) -> None:
        for table in ("solarize", "equalize", "contrast", "posterize"):
            fresh = Canvas(canvas.pixels())
            match table:
                case "solarize":
                    canvas.map_levels(levels.solarize(100, 30))
                case "equalize":
                    canvas.map_levels(levels.equalize(fresh.counts()))
                case "contrast":
                    canvas.map_levels(levels.contrast(fresh.counts(), 0.4))
                case "posterize":
                    canvas.map_levels(levels.posterize(3))

    np.testing.assert_array_equal(_ours(joined), _ours(looked_up))


@pytest.mark.parametrize("edge_px", [0, 1, 5, 8, 47, 48])
def test_cutmix_cuts_the_square_that_the_layer_cuts(edge_px: int) -> None:
    centres = np.random.default_rng(edge_px).integers(0, 48, (12, 2))
    edges = tf.fill((12,), edge_px)
    filled = fill_rectangle(
        tf.zeros((12, 48, 48, 1)),
        tf.constant(centres[:, 1], tf.int32),
        tf.constant(centres[:, 0], tf.int32),
        edges,
        edges,
        tf.ones((12, 48, 48, 1)),
    )
    for row in range(12):
        ours = np.zeros((48, 48, 1))
        ours[square_slices(centres[row], edge_px, 48)] = 1
        np.testing.assert_array_equal(ours, np.asarray(filled)[row])
