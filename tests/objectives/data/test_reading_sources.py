"""Every container gives the same pictures, labels, names and fingerprint."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from objectives.data import load_source, prepare
from objectives.store.array_store import ArrayStore
from tests.objectives.data.written_data import (
    noisy_images,
    write_class_folders,
    write_csv,
    write_npz,
)

IMAGES = noisy_images(6)
NAMES = ["cat", "cat", "dog", "dog", "owl", "owl"]
NUMBERS = [0, 0, 1, 1, 2, 2]


def test_a_folder_a_table_and_an_array_of_one_data_set_have_one_fingerprint(
    tmp_path: Path,
) -> None:
    folder = write_class_folders(tmp_path / "folder", IMAGES, NAMES)
    table = write_csv(
        tmp_path,
        [{"path": f"folder/{name}/{row:04d}.png", "label": name} for row, name in enumerate(NAMES)],
    )
    array = write_npz(tmp_path, images=IMAGES, labels=NUMBERS, class_names=["cat", "dog", "owl"])
    sets = [
        prepare(load_source(path), 24, ArrayStore(tmp_path / f"store-{number}", max_bytes=10**6))
        for number, path in enumerate((folder, table, array))
    ]
    assert len({data.fingerprint for data in sets}) == 1
    for data in sets:
        assert data.class_names == ("cat", "dog", "owl")
        assert data.labels.tolist() == NUMBERS
        np.testing.assert_array_equal(data.images, IMAGES)


def test_the_fingerprint_changes_with_a_pixel_a_label_a_name_and_the_order(tmp_path: Path) -> None:
    pixel = IMAGES.copy()
    pixel[0, 0, 0, 0] ^= 1
    names = ["cat", "dog", "owl"]
    variants: list[dict[str, Any]] = [
        {"images": IMAGES, "labels": NUMBERS, "class_names": names},
        {"images": pixel, "labels": NUMBERS, "class_names": names},
        {"images": IMAGES, "labels": [0, 1, 1, 1, 2, 2], "class_names": names},
        {"images": IMAGES, "labels": NUMBERS, "class_names": ["cat", "dog", "pig"]},
        {"images": IMAGES[::-1], "labels": NUMBERS[::-1], "class_names": names},
    ]
    found = set()
    store = ArrayStore(tmp_path / "store", max_bytes=10**6)
    for number, arrays in enumerate(variants):
        (tmp_path / str(number)).mkdir()
        path = write_npz(tmp_path / str(number), **arrays)
        found.add(prepare(load_source(path), 24, store).fingerprint)
    assert len(found) == len(variants)


@pytest.mark.parametrize(
    "labels",
    [
        np.array(NUMBERS, np.uint8),
        np.array(NUMBERS)[:, None],
        np.eye(3, dtype=np.float32)[NUMBERS],
        np.eye(3, dtype=bool)[NUMBERS],
    ],
    ids=["numbers", "column", "one-hot floats", "one-hot booleans"],
)
def test_labels_are_numbers_a_column_or_one_hot(tmp_path: Path, labels: np.ndarray) -> None:
    source = load_source(write_npz(tmp_path, images=IMAGES, labels=labels))
    assert source.labels.tolist() == NUMBERS
    assert source.class_names == ("0", "1", "2")


def test_classes_are_sorted_by_number_where_all_are_numbers_and_by_text_otherwise(
    tmp_path: Path,
) -> None:
    source = load_source(write_npz(tmp_path, images=IMAGES, labels=[10, 10, 2, 2, 7, 7]))
    assert source.class_names == ("2", "7", "10")
    assert source.labels.tolist() == [2, 2, 0, 0, 1, 1]
    path = write_npz(tmp_path, images=IMAGES, labels=NUMBERS, class_names=["z", "y", "x"])
    source = load_source(path)
    assert source.class_names == ("x", "y", "z")
    assert source.labels.tolist() == [2, 2, 1, 1, 0, 0]


def test_floats_are_shares_or_grey_levels_by_their_largest_number(
    tmp_path: Path,
) -> None:
    shares = write_npz(tmp_path, images=IMAGES / 255.0, labels=NUMBERS)
    source = load_source(shares)
    np.testing.assert_array_equal(source.read(3), IMAGES[3])
    levels = write_npz(tmp_path, images=IMAGES.astype(np.float32), labels=NUMBERS)
    source = load_source(levels)
    np.testing.assert_array_equal(source.read(3), IMAGES[3])


def test_grey_arrays_are_repeated_and_alpha_lies_over_white(tmp_path: Path) -> None:
    grey = IMAGES[..., 0]
    for images in (grey, grey[..., None]):
        image = load_source(write_npz(tmp_path, images=images, labels=NUMBERS)).read(1)
        np.testing.assert_array_equal(image, np.stack([grey[1]] * 3, axis=-1))
    alpha = np.zeros((6, 24, 24, 1), np.uint8)
    alpha[:, :12] = 255
    source = load_source(
        write_npz(tmp_path, images=np.concatenate([IMAGES, alpha], axis=3), labels=NUMBERS)
    )
    np.testing.assert_array_equal(source.read(0)[:12], IMAGES[0, :12])
    assert (source.read(0)[12:] == 255).all()


def test_column_major_and_uncompressed_arrays_are_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, images=np.asfortranarray(IMAGES), labels=NUMBERS)
    np.testing.assert_array_equal(load_source(path).read(5), IMAGES[5])


def test_groups_come_from_the_table_and_an_empty_one_stands_alone(tmp_path: Path) -> None:
    write_class_folders(tmp_path, IMAGES, NAMES)
    groups = ["p1", "p1", "", "", "p2", "p1"]
    table = write_csv(
        tmp_path,
        [
            {"path": f"{name}/{row:04d}.png", "label": name, "group": group}
            for row, (name, group) in enumerate(zip(NAMES, groups, strict=True))
        ],
    )
    source = load_source(table)
    assert source.group_names == ("p1", "p1", "", "", "p2", "p1")
    found = source.groups
    assert found is not None
    assert found[0] == found[1] == found[5]
    assert len(set(found.tolist())) == 4


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["p1", "p1", "", "", "p2", "p1"], ("p1", "p1", "", "", "p2", "p1")),
        ([7, 7, 10, 11, 2, 7], ("7", "7", "10", "11", "2", "7")),
        ([[7], [7], [10], [11], [2], [7]], ("7", "7", "10", "11", "2", "7")),
    ],
)
def test_groups_of_an_array_have_names_too(
    tmp_path: Path, values: list[Any], names: tuple[str, ...]
) -> None:
    source = load_source(write_npz(tmp_path, images=IMAGES, labels=NUMBERS, groups=values))
    assert source.group_names == names
    found = source.groups
    assert found is not None
    assert found[0] == found[1] == found[5]
    assert len(set(found.tolist())) == 4


def test_a_class_may_be_called_na_in_a_table(tmp_path: Path) -> None:
    write_class_folders(tmp_path, IMAGES, NAMES)
    rows = [
        {"path": f"{name}/{row:04d}.png", "label": "NA" if name == "cat" else "None"}
        for row, name in enumerate(NAMES)
    ]
    assert load_source(write_csv(tmp_path, rows)).class_names == ("NA", "None")


def test_other_files_and_hidden_ones_in_class_folders_are_passed_over(tmp_path: Path) -> None:
    write_class_folders(tmp_path, IMAGES, NAMES)
    (tmp_path / "cat" / "notes.txt").write_text("not a picture")
    (tmp_path / "cat" / ".hidden.png").write_bytes(b"")
    (tmp_path / ".cache").mkdir()
    source = load_source(tmp_path)
    assert len(source) == 6
    assert source.name(0) == str(Path("cat") / "0000.png")


def test_pictures_of_any_mode_come_out_as_upright_rgb(tmp_path: Path) -> None:
    rgb = Image.fromarray(IMAGES[0])
    sixteen = Image.fromarray(np.full((24, 24), 0x8040, np.uint16))
    orientation = Image.Exif()
    orientation[0x0112] = 6  # The camera was turned: show it a quarter turn clockwise.
    folder = tmp_path / "a"
    folder.mkdir()
    rgb.convert("L").save(folder / "0-grey.png")
    rgb.convert("P").save(folder / "1-palette.png")
    sixteen.save(folder / "2-sixteen.png")
    rgb.convert("CMYK").save(folder / "3-cmyk.tif")
    rgb.convert("1").save(folder / "4-bits.png")
    rgb.save(folder / "5-turned.png", exif=orientation)
    Image.new("LA", (24, 24), (0, 0)).save(folder / "6-clear.png")
    (tmp_path / "b").mkdir()
    rgb.save(tmp_path / "b" / "plain.bmp")
    source = load_source(tmp_path)
    images = [source.read(row) for row in range(len(source))]
    assert all(image.shape == (24, 24, 3) and image.dtype == np.uint8 for image in images)
    np.testing.assert_array_equal(images[0][..., 0], np.asarray(rgb.convert("L")))
    np.testing.assert_array_equal(images[1], np.asarray(rgb.convert("P").convert("RGB")))
    assert (images[2] == 0x80).all()
    np.testing.assert_allclose(images[3].astype(int), IMAGES[0], atol=2)
    np.testing.assert_array_equal(images[5], np.rot90(IMAGES[0], -1))
    assert (images[6] == 255).all()
