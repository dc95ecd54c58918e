"""A user's own step of a policy, done picture by picture and checked."""

import numpy as np

from objectives.augmentation.draws import generator
from objectives.records import ImageArray
from spaces.errors import InputError
from spaces.operations import OwnFunction


def apply_own_function(
    images: ImageArray, operation: OwnFunction, seed: int, position: int
) -> ImageArray:
    """Call the function on each picture with a random stream of its own.

    Args:
        images: Shape ``(n, px, px, 3)``.
        operation: The function with its name and strength.
        seed: Of the call.
        position: The operation's place in the chain.

    Raises:
        InputError: If the function gives back another shape or type.
    """
    augmented = np.empty_like(images)
    for row, image in enumerate(images):
        # The high bit keeps these streams apart from those that built-in operations draw from.
        draws = generator(seed, position | 1 << 31, row)
        result = np.asarray(operation.function(image.copy(), operation.strength, draws))
        if result.dtype != np.uint8 or result.shape != image.shape:
            raise InputError(
                f"policy {operation.name!r} gave back {result.dtype} {result.shape} for a picture "
                f"of uint8 {image.shape}; it must keep shape and type"
            )
        augmented[row] = result
    return augmented
