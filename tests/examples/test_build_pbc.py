from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from examples.build_pbc import main

COLOURS = {"basophil": (200, 30, 30), "ig": (30, 200, 30), "platelet": (30, 30, 200)}
N_IMAGES = 4


@pytest.fixture
def pbc(tmp_path: Path) -> Path:
    """A folder like the unpacked PBC data set: a cell's colour at the centre, black around it."""
    folder = tmp_path / "PBC_dataset_normal_DIB"
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for number in range(N_IMAGES):
            image = Image.new("RGB", (360, 363))
            # 80 and 81 pixels in from the left and the top, where a crop of 200 begins.
            image.paste(colour, (80, 81, 280, 281))
            image.save(folder / name / f"{name}_{number}.jpg", quality=95)
    (folder / "basophil" / ".DS_Store").write_bytes(b"left by the archive")
    return folder


def build(folder: Path, target: Path, *options: str) -> Result:
    return CliRunner().invoke(main, [str(folder), str(target), *options])


def test_the_middle_of_every_image_is_kept_with_its_class(pbc: Path, tmp_path: Path) -> None:
    done = build(pbc, tmp_path / "cells.npz")
    assert done.exit_code == 0, done.output
    data = np.load(tmp_path / "cells.npz")
    assert data["images"].shape == (3 * N_IMAGES, 96, 96, 3)
    assert data["images"].dtype == data["labels"].dtype == np.uint8
    assert data["class_names"].tolist() == sorted(COLOURS)
    assert np.bincount(data["labels"]).tolist() == [N_IMAGES] * 3
    for image, label in zip(data["images"], data["labels"], strict=True):
        colour = COLOURS[data["class_names"][label]]
        inner = image[2:-2, 2:-2].reshape(-1, 3).astype(int)
        assert np.abs(inner - colour).max() <= 12  # JPEG, 8x8 blocks on the crop's edge


def test_a_shrunk_image_is_antialiased(pbc: Path, tmp_path: Path) -> None:
    stripes = np.zeros((363, 360, 3), np.uint8)
    stripes[:, ::2] = 255  # finer than the pixels of the result: only an average is true
    Image.fromarray(stripes).save(pbc / "ig" / "ig_0.jpg", quality=100, subsampling=0)
    build(pbc, tmp_path / "cells.npz")
    data = np.load(tmp_path / "cells.npz")
    grey = [image for image in data["images"] if np.ptp(image[48, 48].astype(int)) < 20]
    assert len(grey) == 1
    assert np.abs(grey[0][10:-10, 10:-10].astype(int) - 128).max() < 40


def test_a_number_a_class_is_drawn_by_the_seed(pbc: Path, tmp_path: Path) -> None:
    for target, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        build(pbc, tmp_path / f"{target}.npz", "--per-class", "2", "--seed", seed)
    labels = [np.load(tmp_path / f"{name}.npz")["labels"].tolist() for name in "abc"]
    assert labels[0] == labels[1] != labels[2]
    assert np.bincount(labels[2]).tolist() == [2, 2, 2]


def test_wrong_input_is_named_and_leaves_no_file(pbc: Path, tmp_path: Path) -> None:
    target = tmp_path / "cells.npz"
    alone = build(pbc / "ig", target)
    assert "one folder per class" in alone.output
    (pbc / "ig" / "broken.jpg").write_bytes(b"no JPEG")
    broken = build(pbc, target)
    assert "broken.jpg cannot be read as an image" in broken.output
    Image.new("RGB", (199, 300)).save(pbc / "ig" / "broken.jpg")
    small = build(pbc, target)
    assert "199x300 pixels" in small.output
    assert {alone.exit_code, broken.exit_code, small.exit_code} == {1}
    assert not target.exists()
