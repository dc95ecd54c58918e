"""Whether an exported model answers as the one that it was made of."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from objectives.exporting.exporter import Predict
from objectives.records import ImageArray


@dataclass(frozen=True)
class Comparison:
    """What two models made of the same images."""

    n_images: int
    largest_difference: float
    """Of a probability, absolute."""
    same_class: float
    """Share of the images of which both find the same class likeliest."""


def compare(expected: Predict, found: Predict, batches: Iterable[ImageArray]) -> Comparison:
    """Ask two models about the same images.

    Args:
        expected: The one that is right.
        found: The other.
        batches: One or more, each ``(batch, height, width, 3)`` of its own size.

    Raises:
        ValueError: If there is no image.
    """
    differences: list[float] = []
    same: list[bool] = []
    for images in batches:
        ours, theirs = np.asarray(expected(images)), np.asarray(found(images))
        if ours.shape != theirs.shape:
            raise ValueError(f"it answers in the shape {theirs.shape}, not {ours.shape}")
        differences.append(float(np.abs(ours - theirs).max()))
        same += (ours.argmax(axis=1) == theirs.argmax(axis=1)).tolist()
    if not same:
        raise ValueError("there is no image to compare with")
    # NaN is larger than any tolerance; max() of the list alone could drop it.
    return Comparison(len(same), float(np.max(differences)), float(np.mean(same)))
