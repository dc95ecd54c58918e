"""The images on which an export is compared with the registered model."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from mlruns_config.registry.input_example import load_example
from mlruns_config.registry.versions import Version
from mlruns_config.settings import TrackingSettings
from objectives.data.resizing import resize
from objectives.records import ImageArray
from search.prediction.batches import batches, windows
from search.prediction.images import Picture, read_pictures
from spaces.errors import InputError

MOST_IMAGES = 1000
INPUT_EXAMPLE = "input example"


def check_batches(
    tracking: TrackingSettings, version: Version, paths: Sequence[Path], image_px: int | None
) -> Iterator[ImageArray]:
    """Give the images in batches of one size each.

    Args:
        tracking: Where the registry is.
        version: Whose input example is taken where no path is given.
        paths: Images, folders and ``.npz`` files, of which the first 1,000 pictures are taken.
        image_px: What they are resized to, as the loader does it; None leaves them as they are.

    Raises:
        InputError: If there are none, or one of them cannot be read.
    """
    if not paths:
        images = load_example(tracking, version)
        yield images if image_px is None else resized(images, image_px)
        return
    pictures = (_sized(picture, image_px) for picture in read_pictures(paths))
    for window in windows(islice(pictures, MOST_IMAGES)):
        for _, images in batches(window):
            yield images


def resized(images: ImageArray, image_px: int) -> ImageArray:
    """Resize images as the loader does, to ``(batch, image_px, image_px, 3)``."""
    return np.stack([resize(image, image_px) for image in images])


def _sized(picture: Picture, image_px: int | None) -> Picture:
    if picture.image is None:
        raise InputError(f"an export is checked on images that can be read: {picture.error}.")
    if image_px is None:
        return picture
    return Picture(picture.name, resize(picture.image, image_px))
