"""The images: real blood cells without their junk where they are, otherwise generated ones."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from objectives.audit import audit
from objectives.data import load_source
from objectives.records import ImageArray, LabelArray

SHARED = Path(__file__).resolve().parents[2] / "shared"
CELLS = SHARED / "blood_cells" / "training_set.npz"
GENERATED = "generated"
GENERATED_CLASSES = 8
GENERATED_IMAGES = 3000
FloatImages = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Cells:
    """Images ``(n, px, px, 3)``, their classes ``(n,)``, and where they are from."""

    images: ImageArray
    labels: LabelArray
    origin: str

    def sample(self, count: int) -> "Cells":
        """Take ``count`` images with the classes in proportion; 0 takes all."""
        if count in (0, len(self.labels)):
            return self
        draws = np.random.default_rng(0)
        order = draws.permutation(len(self.labels))
        order = order[np.argsort(self.labels[order], kind="stable")]
        places = np.linspace(0, len(order), count, endpoint=False).astype(np.int64)
        rows = draws.permutation(order[places])
        return Cells(self.images[rows], self.labels[rows], self.origin)

    def save(self, path: Path) -> Path:
        """Write them as a data set that a sweep reads."""
        np.savez(path, images=self.images, labels=self.labels)
        return path


def load_cells(image_px: int) -> Cells:
    """Load the real images that the audit leaves, or generate some."""
    if not CELLS.is_file():
        return generate_cells(GENERATED_IMAGES, image_px)
    report = audit(load_source(CELLS))
    with np.load(CELLS) as arrays:
        kept = np.setdiff1d(np.arange(len(arrays["labels"])), report.exclude)
        images, labels = arrays["images"][kept], arrays["labels"][kept].reshape(-1)
    origin = f"blood cells, {report.images} less {len(report.exclude)} that the audit excludes"
    return Cells(images, labels.astype(np.int64), origin)


def generate_cells(count: int, image_px: int) -> Cells:
    """Draw discs with a nucleus each, whose size and colour tell the class, on noisy ground."""
    draws = np.random.default_rng(0)
    labels = np.arange(count, dtype=np.int64) % GENERATED_CLASSES
    images = np.stack([_draw_cell(int(label), image_px, draws) for label in labels])
    return Cells(images, labels, GENERATED)


def _draw_cell(label: int, image_px: int, draws: np.random.Generator) -> ImageArray:
    y, x = np.mgrid[0:image_px, 0:image_px] / image_px - 0.5
    centre = draws.uniform(-0.1, 0.1, 2)
    distance = np.hypot(x - centre[0], y - centre[1])
    angle = 2 * np.pi * label / GENERATED_CLASSES
    tint = 40 * np.array([np.cos(angle), np.sin(angle), -np.cos(angle)])
    picture: FloatImages = np.full((image_px, image_px, 3), 215.0)
    picture[distance < draws.uniform(0.28, 0.4)] = 170.0 + tint
    picture[distance < 0.08 + 0.015 * label + draws.uniform(0, 0.04)] = 90.0 - tint
    noisy: ImageArray = (picture + draws.normal(0, 12, picture.shape)).clip(0, 255).astype(np.uint8)
    return noisy
