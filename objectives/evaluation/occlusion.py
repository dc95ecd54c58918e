"""What a model goes by in an image: what its answer loses where a part of the image is hidden.

Source: Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks",
arXiv:1311.2901, section 4.2. It asks the model and looks at nothing inside of it, so it is the same
for every model: one network, several that vote, or a backbone of the user's own.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from objectives.records import FloatArray, ImageArray

PATCHES_ACROSS = 6
"""How many hidden squares fit side by side; each is moved by half of itself."""
BATCH_IMAGES = 64


@dataclass(frozen=True)
class Patch:
    """A hidden square."""

    top: int
    left: int
    edge: int

    @property
    def area(self) -> tuple[slice, slice]:
        """Rows and columns."""
        return (
            slice(self.top, self.top + self.edge),
            slice(self.left, self.left + self.edge),
        )


def occlusion_map(predict: Callable[[ImageArray], Any], image: ImageArray) -> FloatArray:
    """Measure for each pixel what hiding its surroundings takes from the likeliest class.

    Squares of a sixth of the shorter edge, half overlapping, are painted over one at a time with
    the mean colour of the image.

    Args:
        predict: From images ``(batch, height, width, 3)`` to probabilities ``(batch, classes)``.
        image: Shape ``(height, width, 3)``.

    Returns:
        Mean loss of probability over the squares that cover a pixel, shape ``(height, width)``:
        above 0 where the image speaks for the class, below 0 where it speaks against.
    """
    whole = np.asarray(predict(image[None]))[0]
    likeliest = int(whole.argmax())
    lost = np.zeros(image.shape[:2], dtype=np.float32)
    covered = np.zeros(image.shape[:2], dtype=np.float32)
    for patches in _batches(_patches(*image.shape[:2])):
        answers = np.asarray(predict(np.stack([_hidden(image, patch) for patch in patches])))
        for patch, answer in zip(patches, answers, strict=True):
            lost[patch.area] += whole[likeliest] - answer[likeliest]
            covered[patch.area] += 1
    return lost / covered


def _patches(height: int, width: int) -> list[Patch]:
    edge = max(1, round(min(height, width) / PATCHES_ACROSS))
    step = max(1, edge // 2)
    return [
        Patch(top, left, edge)
        for top in _starts(height, edge, step)
        for left in _starts(width, edge, step)
    ]


def _starts(length: int, edge: int, step: int) -> list[int]:
    """Place squares from one border to the other; the last one ends at the border."""
    return sorted({*range(0, length - edge, step), length - edge})


def _batches(patches: list[Patch]) -> Iterator[list[Patch]]:
    for start in range(0, len(patches), BATCH_IMAGES):
        yield patches[start : start + BATCH_IMAGES]


def _hidden(image: ImageArray, patch: Patch) -> ImageArray:
    shown = image.copy()
    shown[patch.area] = np.rint(image.mean(axis=(0, 1)))
    return shown
