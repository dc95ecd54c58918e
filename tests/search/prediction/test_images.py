"""Pictures to classify that are damaged, or no pictures: each is told, the rest is read."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from search.prediction.images import Picture, read_pictures


def write_images(path: Path, **others: object) -> Path:
    arrays = {"images": np.random.default_rng(0).integers(0, 256, (2, 40, 40, 3), dtype=np.uint8)}
    np.savez_compressed(path, **(arrays | others))  # type: ignore[arg-type]
    return path


def only(path: Path) -> Picture:
    (picture,) = read_pictures([path])
    return picture


def test_a_damaged_archive_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    path = write_images(tmp_path / "set.npz")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    damaged, whole = read_pictures([path, tmp_path / "a.png"])
    assert damaged.image is None
    assert "set.npz has no images that can be read" in str(damaged.error)
    assert whole.error is None


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (np.zeros((2, 3, 70_000), np.uint8), "70000 x 3 pixels"),
        (np.zeros((2, 5, 5), np.int32), "images are int32"),
        (np.zeros((2, 5)), r"shape (2, 5)"),
        (np.full((2, 5, 5), np.nan), "from nan"),
        (np.array([None, None]), "pickled objects are never loaded"),
    ],
)
def test_an_array_of_no_pictures_is_told(tmp_path: Path, images: np.ndarray, reason: str) -> None:
    picture = only(write_images(tmp_path / "set.npz", images=images))
    assert picture.image is None
    assert reason in str(picture.error)


@pytest.mark.timeout(20)
def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    for name in ("x.png", "x.npz"):
        os.mkfifo(tmp_path / name)
        picture = only(tmp_path / name)
        assert picture.image is None
        assert name in str(picture.error)


def test_a_name_that_is_not_utf8_is_shown_in_escapes(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    Image.new("RGB", (9, 9)).save(path)
    picture = only(path)
    assert picture.error is None
    assert picture.name == f"{tmp_path}/caf\\xe9.png"
    assert only(tmp_path).name == picture.name
