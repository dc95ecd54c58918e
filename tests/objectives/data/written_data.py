"""Small data sets written to disk for the tests of reading, auditing and splitting."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from objectives.records import ImageArray


def noisy_images(n_rows: int, px: int = 24, seed: int = 0) -> ImageArray:
    """Draw images of which no two are alike, shape ``(n_rows, px, px, 3)``."""
    coarse = np.random.default_rng(seed).integers(0, 256, (n_rows, 6, 6, 3), dtype=np.uint8)
    large = [Image.fromarray(image).resize((px, px), Image.Resampling.BICUBIC) for image in coarse]
    return np.stack([np.asarray(image) for image in large])


def write_npz(folder: Path, **arrays: npt.ArrayLike) -> Path:
    """Write an archive of the given arrays."""
    path = folder / "set.npz"
    plain: dict[str, Any] = {name: np.asarray(values) for name, values in arrays.items()}
    np.savez_compressed(path, **plain)
    return path


def write_class_folders(folder: Path, images: ImageArray, labels: list[str]) -> Path:
    """Write one PNG an image, named by its row, into a folder of its class."""
    for row, (image, label) in enumerate(zip(images, labels, strict=True)):
        (folder / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / label / f"{row:04d}.png")
    return folder


def write_csv(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """Write a table whose columns are the keys of its first row."""
    path = folder / "set.csv"
    lines = [",".join(rows[0]), *(",".join(str(value) for value in row.values()) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
