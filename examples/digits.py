"""Write scikit-learn's handwritten digits as a data set of 32x32 RGB images.

Makes ``digits.npz`` to sweep over, and one image a class kept out of it, ``unseen-<digit>.png``, to
predict afterwards. Nothing is downloaded: the digits (UCI ML repository, 1,797 images of 8x8
pixels) come with scikit-learn.

Usage: python examples/digits.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from sklearn.datasets import load_digits

IMAGE_PX = 32


def enlarge(digit: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Turn one digit, shape ``(8, 8)`` and values 0 to 16, into ``(32, 32, 3)`` uint8."""
    grey = Image.fromarray(np.round(digit * 255 / 16).astype(np.uint8))
    return np.asarray(grey.resize((IMAGE_PX, IMAGE_PX), Image.Resampling.BICUBIC).convert("RGB"))


def main(folder: Path) -> None:
    """Write the data set and the unseen images into ``folder``."""
    digits = load_digits()
    images = np.stack([enlarge(digit) for digit in digits.images])
    unseen = [int(np.flatnonzero(digits.target == digit)[-1]) for digit in digits.target_names]
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        folder / "digits.npz",
        images=np.delete(images, unseen, axis=0),
        labels=np.delete(digits.target, unseen).astype(np.uint8),
        class_names=digits.target_names.astype(str),
    )
    for row in unseen:
        Image.fromarray(images[row]).save(folder / f"unseen-{digits.target[row]}.png")
    print(f"{len(images) - len(unseen)} images in {folder / 'digits.npz'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
