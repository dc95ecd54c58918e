"""Backbones of the user's: a Keras model, a function from images to vectors, or vectors in a file.

All are searched alike. A Keras model can be fine-tuned and exported; of a function and of a file
only the heads are trained, and what they make cannot be exported: it is not Keras.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from objectives.records import FloatArray, ImageArray
from spaces.backbones import is_embeddings, is_own
from spaces.errors import InputError
from spaces.references import load_reference

N_PROBES = 2


@dataclass(frozen=True)
class VectorFunction:
    """A function of the user's from images to vectors, whose answers are looked at."""

    name: str
    """``module:attribute``."""
    function: Callable[[ImageArray], Any]
    """From images ``(n, px, px, 3)``, uint8, to what NumPy reads as ``(n, width)``."""

    def __call__(self, images: ImageArray) -> FloatArray:
        """Give a vector of each image.

        Raises:
            InputError: If it does not give one vector of finite numbers an image.
        """
        answer = np.asarray(self.function(images), dtype=np.float32)
        if answer.ndim != 2 or len(answer) != len(images) or not answer.shape[1]:
            raise InputError(
                f"backbone {self.name!r} is a function that gave an array of shape "
                f"{answer.shape} for {len(images)} images; wanted is ({len(images)}, width), one "
                "vector an image."
            )
        if not np.isfinite(answer).all():
            raise InputError(f"backbone {self.name!r} gave numbers that are not finite.")
        return answer

    def probe(self, image_px: int) -> FloatArray:
        """Ask about fixed images; raises InputError as :meth:`__call__` does."""
        shape = (N_PROBES, image_px, image_px, 3)
        return self(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


def load_own(name: str, image_px: int) -> keras.Model | VectorFunction:
    """Call the user's own code.

    Args:
        name: ``module:attribute``: takes the image size in pixels, and gives a Keras model with its
            own preprocessing, or a function from images to vectors.
        image_px: Edge of the images in pixels.

    Raises:
        InputError: If there is no such attribute, or it gives something else.
    """
    made = load_reference(name)(image_px)
    if isinstance(made, keras.Model):
        return made
    if callable(made):
        return VectorFunction(name, made)
    raise InputError(
        f"backbone {name!r} returned a {type(made).__name__}; wanted is a keras.Model, or a "
        "function from images to vectors."
    )


@lru_cache
def find_function(name: str, image_px: int) -> VectorFunction | None:
    """Give the function that a backbone of the user's is, made once; None for a Keras model.

    Arguments and errors are those of :func:`load_own`.
    """
    own = load_own(name, image_px)
    return own if isinstance(own, VectorFunction) else None


def is_network(name: str, image_px: int) -> bool:
    """Say whether a backbone is a Keras network, which can be fine-tuned and exported."""
    if is_embeddings(name):
        return False
    return not is_own(name) or find_function(name, image_px) is None


def open_embeddings(name: str) -> npt.NDArray[Any]:
    """Open vectors that were made elsewhere.

    Args:
        name: Path of a ``.npy`` file with one row for each image, in the order of the data.

    Returns:
        A memory map, ``(images, width)``.

    Raises:
        InputError: If it is not there, or holds something else.
    """
    if not Path(name).is_file():
        raise InputError(f"backbone {name!r}: there is no such file of embeddings.")
    try:
        array: npt.NDArray[Any] = np.load(name, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"backbone {name!r} cannot be read as a .npy file: {error}.") from error
    if array.ndim != 2 or not array.shape[1] or not np.issubdtype(array.dtype, np.floating):
        raise InputError(
            f"backbone {name!r} holds {array.dtype} of shape {array.shape}; wanted are floating "
            "point numbers of shape (images, width)."
        )
    return array
