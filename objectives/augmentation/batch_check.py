"""What arrays an augmenter takes."""

import numpy as np

from objectives.records import FloatArray, ImageArray, RowArray
from spaces.errors import InputError


def check_batch(images: ImageArray, labels: FloatArray, pools: RowArray, seed: int) -> None:
    """Refuse arrays that do not fit together.

    Raises:
        InputError: Naming the array, what it is and what it should be.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
        raise InputError(
            f"images must be uint8 of shape (n, px, px, 3), got {images.dtype} {images.shape}"
        )
    if labels.dtype != np.float32 or labels.ndim != 2 or len(labels) != len(images):
        raise InputError(
            f"labels must be float32 of shape ({len(images)}, classes), "
            f"got {labels.dtype} {labels.shape}"
        )
    if pools.shape != (len(images),):
        raise InputError(f"pools must have shape ({len(images)},), got {pools.shape}")
    if not 0 <= seed < 2**64:
        raise InputError(f"an augmentation seed must be at least 0 and below 2**64, got {seed}")
