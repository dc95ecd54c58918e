"""Flips, rotation, zoom and translation on OpenCV, as Keras' layers of these names draw them."""

import math

import cv2
import numpy as np

from objectives.augmentation.canvas import Canvas
from objectives.augmentation.opencv_augmix import rotation
from objectives.records import ImageArray
from spaces.operations import Flip, Geometric


def flip(images: ImageArray, settings: Flip, draws: np.random.Generator) -> ImageArray:
    """Mirror each picture, shape ``(n, px, px, 3)``, along its drawn axes."""
    flipped = images.copy()
    mirrored, upended, transposed = draws.random((3, len(images))) <= 0.5
    flipped[mirrored] = flipped[mirrored, :, ::-1]
    if settings.vertical:
        flipped[upended] = flipped[upended, ::-1]
    if settings.transpose:
        flipped[transposed] = flipped[transposed].swapaxes(1, 2)
    return flipped


def geometric(images: ImageArray, settings: Geometric, draws: np.random.Generator) -> ImageArray:
    """Flip, rotate, zoom and translate, each by its own interpolation as a chain of layers does.

    One joint warp would be sharper and reflect otherwise at the border: not the same pictures.
    """
    count, width_px = len(images), images.shape[2]
    mirrored = draws.random(count) <= 0.5
    angles = draws.uniform(-1, 1, count) * settings.rotation * 2 * math.pi
    zooms = 1 + draws.uniform(-1, 1, count) * settings.zoom
    shifts = draws.uniform(-1, 1, (count, 2)) * settings.translation * width_px
    augmented = np.empty_like(images)
    for row, image in enumerate(images):
        canvas = Canvas(cv2.flip(image, 1) if mirrored[row] else image)
        canvas.warp(rotation(float(angles[row]), width_px))
        zoom = zooms[row]
        offset = (width_px - 1) / 2 * (1 - zoom)
        canvas.warp(np.array([[zoom, 0, offset], [0, zoom, offset]], np.float32))
        right, down = shifts[row]
        canvas.warp(np.array([[1, 0, -right], [0, 1, -down]], np.float32))
        augmented[row] = canvas.pixels()
    return augmented
