"""Pictures of any sizes, in batches of one size each."""

from collections.abc import Iterator

import numpy as np

from objectives.records import ImageArray
from search.prediction.images import Picture

BATCH_IMAGES = 64
WINDOW_IMAGES = 256
WINDOW_PIXELS = 64 * 512 * 512


def windows(pictures: Iterator[Picture]) -> Iterator[list[Picture]]:
    """Gather as many pictures as are held in memory at once, in their order."""
    window: list[Picture] = []
    n_pixels = 0
    for picture in pictures:
        more = 0 if picture.image is None else picture.image.shape[0] * picture.image.shape[1]
        if window and (len(window) == WINDOW_IMAGES or n_pixels + more > WINDOW_PIXELS):
            yield window
            window, n_pixels = [], 0
        window.append(picture)
        n_pixels += more
    if window:
        yield window


def batches(window: list[Picture]) -> Iterator[tuple[list[int], ImageArray]]:
    """Put the pictures of a window that have one size together; a model takes one at a time.

    Yields:
        Their places in the window, and the images ``(batch, height, width, 3)``.
    """
    by_size: dict[tuple[int, ...], list[tuple[int, ImageArray]]] = {}
    for place, picture in enumerate(window):
        if picture.image is not None:
            by_size.setdefault(picture.image.shape, []).append((place, picture.image))
    for alike in by_size.values():
        for start in range(0, len(alike), BATCH_IMAGES):
            places, images = zip(*alike[start : start + BATCH_IMAGES], strict=True)
            yield list(places), np.stack(images)
