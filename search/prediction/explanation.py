"""Pictures that show what a model goes by."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from objectives.evaluation.occlusion import occlusion_map
from objectives.records import FloatArray, ImageArray
from search.prediction.images import Picture
from spaces.errors import InputError
from spaces.files import disk_full_is_unavailable, shown_path

if TYPE_CHECKING:
    from mlruns_config.registry.saved_classifier import Classifier

FOR_THE_CLASS, AGAINST_IT = (214, 39, 40), (31, 111, 235)
STRONGEST_TINT = 0.7
SHOWN_PX = 224
"""Each half of a picture is enlarged to at least so many pixels."""
LONGEST_NAME = 80


class Explainer:
    """Writes one picture for each image that is explained.

    Args:
        classifier: The model.
        folder: Is made; nothing in it is read.

    Raises:
        InputError: If it cannot be made.
    """

    def __init__(self, classifier: "Classifier", folder: Path) -> None:
        from objectives.networks.served_parts import served_image_px

        self._classifier = classifier
        self._folder = folder
        self._image_px = served_image_px(classifier.model)
        self._count = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"the folder {shown_path(folder)} cannot be made: {error.strerror}; name another "
                "for --explain."
            ) from None

    def explain(self, picture: Picture) -> str:
        """Show an image beside what hiding parts of it takes from its likeliest class.

        Args:
            picture: One that was read.

        Returns:
            The file, as text that can be printed.

        Raises:
            DiskFullError: If the disk has no room for it.
        """
        shown = self._as_the_model_sees(picture)
        sheet = side_by_side(shown, occlusion_map(self._classifier.predict, shown))
        path = self._folder / f"{self._count:06d}-{_file_name(picture.name)}.png"
        self._count += 1
        with disk_full_is_unavailable(f"{shown_path(path)} is written"):
            Image.fromarray(sheet).save(path)
        return shown_path(path)

    def _as_the_model_sees(self, picture: Picture) -> ImageArray:
        from objectives.data.resizing import resize

        if picture.image is None:
            raise ValueError(f"{picture.name} was not read, so it cannot be explained")
        return picture.image if self._image_px is None else resize(picture.image, self._image_px)


def check_folder(folder: Path, paths: Sequence[Path]) -> None:
    """Refuse a folder that is in use: what is written there would be read, or mixed with others.

    Raises:
        InputError: If it is not empty, no folder, or lies in one of the paths.
    """
    name = shown_path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{name} is not an empty folder: name a new one for --explain.")
    for path in paths:
        if path.is_dir() and folder.resolve().is_relative_to(path.resolve()):
            raise InputError(
                f"{name} lies in {shown_path(path)}, whose images are classified: name a folder "
                "outside of it for --explain."
            )


def side_by_side(image: ImageArray, lost: FloatArray) -> ImageArray:
    """Put an image beside its tinted self: red speaks for the class, blue against it.

    Args:
        image: Shape ``(height, width, 3)``.
        lost: What hiding each pixel takes from the class, shape ``(height, width)``.

    Returns:
        Both, enlarged alike, shape ``(height, 2 * width, 3)`` times a whole number.
    """
    strongest = float(np.abs(lost).max())
    share = np.abs(lost) / strongest if strongest > 0 else np.zeros_like(lost)
    tint = STRONGEST_TINT * share[..., None]
    colour = np.where(lost[..., None] > 0, FOR_THE_CLASS, AGAINST_IT)
    grey = image.mean(axis=2, keepdims=True)
    tinted = np.rint(grey * (1 - tint) + colour * tint).astype(np.uint8)
    both = np.concatenate([image, tinted], axis=1)
    times = math.ceil(SHOWN_PX / min(image.shape[:2]))
    return both.repeat(times, axis=0).repeat(times, axis=1)


def _file_name(name: str) -> str:
    """Make a file's name, without an ending, of what a picture is called."""
    stem = re.sub(r"\.[A-Za-z0-9]+$", "", name.rpartition("/")[2])
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem)[-LONGEST_NAME:]
