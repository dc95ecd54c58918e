"""Crops of the two photographs that scikit-learn ships: real pictures on a bare clone."""

import cv2
import numpy as np
from sklearn.datasets import load_sample_images

from objectives.records import ImageArray


def crops(count: int, image_px: int, seed: int = 0) -> ImageArray:
    """Cut ``count`` squares of random place and size, resized to ``image_px``."""
    draws = np.random.default_rng(seed)
    photographs = load_sample_images().images
    pictures = np.empty((count, image_px, image_px, 3), np.uint8)
    for row in range(count):
        photograph = photographs[row % len(photographs)]
        size = int(draws.integers(image_px, photograph.shape[0]))
        top = int(draws.integers(photograph.shape[0] - size))
        left = int(draws.integers(photograph.shape[1] - size))
        crop = photograph[top : top + size, left : left + size]
        pictures[row] = cv2.resize(crop, (image_px, image_px), interpolation=cv2.INTER_AREA)
    return pictures
