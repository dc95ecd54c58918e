"""The audit of real blood cells into which junk was injected, told nothing of it.

The junk is two pictures, each there 221 times under random labels. It is recompressed and shifted
here as the reports describe; which rows are junk serves to score the audit alone.
"""

import io
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from objectives.audit import AuditReport, audit
from objectives.data import load_source
from objectives.records import ImageArray

FOLDER = Path(__file__).parents[3].parent / "shared" / "blood_cells"
SHIFTS_PX = [
    (down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if (down, right) != (0, 0)
]

pytestmark = pytest.mark.shared


def shares_excluded(report: AuditReport) -> tuple[float, float]:
    """Return the shares of junk and of real rows that were excluded."""
    excluded = np.isin(np.arange(report.images), report.exclude)
    junk = np.isin(np.arange(report.images), np.load(FOLDER / "junk_rows.npy"))
    return float(excluded[junk].mean()), float(excluded[~junk].mean())


def recompress(
    image: ImageArray, quality: int, shift_px: tuple[int, int], border: str
) -> ImageArray:
    height, width = image.shape[:2]
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode=border)  # type: ignore[call-overload]
    down, right = shift_px
    shifted = padded[1 + down : 1 + down + height, 1 + right : 1 + right + width]
    content = io.BytesIO()
    Image.fromarray(shifted).save(content, "JPEG", quality=quality)
    return np.asarray(Image.open(content))


def write_mangled(path: Path, rows: np.ndarray, border: str = "edge") -> Path:
    """Write the set with rows recompressed at quality 60 to 95 and shifted, each its own way."""
    with np.load(FOLDER / "training_set.npz") as archive:
        images, labels = archive["images"], archive["labels"]
    rng = np.random.default_rng(7)
    for row in rows:
        shift_px = SHIFTS_PX[rng.integers(len(SHIFTS_PX))]
        images[row] = recompress(images[row], int(rng.integers(60, 96)), shift_px, border)
    np.savez(path, images=images, labels=labels)
    return path


@pytest.mark.slow
def test_the_injected_junk_goes_and_real_cells_stay_in_under_20_seconds() -> None:
    start_s = time.perf_counter()
    report = audit(load_source(FOLDER / "training_set.npz"))
    took_s = time.perf_counter() - start_s
    junk, real = shares_excluded(report)
    assert junk >= 0.99
    assert real <= 0.005
    assert took_s < 20


@pytest.mark.slow
@pytest.mark.parametrize("border", ["edge", "wrap"])
def test_junk_that_is_recompressed_and_shifted_goes_as_well(tmp_path: Path, border: str) -> None:
    path = write_mangled(tmp_path / "mangled.npz", np.load(FOLDER / "junk_rows.npy"), border)
    junk, real = shares_excluded(audit(load_source(path)))
    assert junk >= 0.99
    assert real <= 0.005


@pytest.mark.slow
def test_single_mangled_copies_of_real_cells_are_grouped_with_their_originals(
    tmp_path: Path,
) -> None:
    with np.load(FOLDER / "training_set.npz") as archive:
        images, labels = archive["images"], archive["labels"].ravel()
    real = np.setdiff1d(np.arange(len(images)), np.load(FOLDER / "junk_rows.npy"))[::6]
    rng = np.random.default_rng(3)
    copies = [
        recompress(images[row], int(rng.integers(60, 96)), SHIFTS_PX[rng.integers(8)], "edge")
        for row in real
    ]
    path = tmp_path / "copied.npz"
    np.savez(path, images=np.concatenate([images[real], copies]), labels=np.tile(labels[real], 2))
    report = audit(load_source(path))
    first, second = np.split(report.groups, 2)
    assert (first == second).mean() >= 0.99
    assert report.exclude == []
    assert len(np.unique(first)) >= 0.995 * len(real)
