"""Everything that is wrong with a data set gives one sentence that names it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from objectives.data import UnreadableImageError, load_source
from spaces.errors import InputError
from tests.objectives.data.written_data import (
    noisy_images,
    write_class_folders,
    write_csv,
    write_npz,
)

IMAGES = noisy_images(4)
LABELS = [0, 0, 1, 1]
OBJECTS = np.array([np.zeros((2, 2)), np.zeros((3, 3)), None, None], dtype=object)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": IMAGES, "y": LABELS}, r"no 'labels'; it has: images, y"),
        ({"x": IMAGES, "labels": LABELS}, r"no 'images'; it has: x, labels"),
        ({"images": IMAGES, "labels": LABELS[:3]}, r"4 images but 3 labels"),
        ({"images": IMAGES, "labels": 1}, r"4 images but one number labels"),
        ({"images": IMAGES, "labels": [0.0, 0.5, 1, 1]}, r"labels are float64"),
        ({"images": IMAGES, "labels": [0.0, np.nan, 1, 1]}, r"labels are float64"),
        ({"images": IMAGES, "labels": [0, -1, 1, 1]}, r"label of row 1 is -1"),
        ({"images": IMAGES, "labels": [3, 3, 3, 3]}, r"single class, '3'"),
        ({"images": IMAGES, "labels": [[1, 1]] * 4}, r"are not one-hot"),
        ({"images": IMAGES, "labels": [[1, 0, 0], [0, 1, 0]] * 2}, r"class '2' has no image"),
        ({"images": IMAGES, "labels": OBJECTS}, r"pickled objects are never loaded"),
        ({"images": OBJECTS, "labels": LABELS}, r"pickled array of objects"),
        ({"images": IMAGES.astype(np.int32), "labels": LABELS}, r"images are int32"),
        ({"images": IMAGES.transpose(0, 3, 1, 2), "labels": LABELS}, r"transpose\(0, 2, 3, 1\)"),
        ({"images": IMAGES[0, 0], "labels": [0] * 24}, r"images have shape \(24, 3\)"),
        ({"images": IMAGES[:0], "labels": []}, r"has no images"),
        ({"images": IMAGES, "labels": LABELS, "class_names": ["a"]}, r"class_names has 1 entries"),
        ({"images": IMAGES, "labels": LABELS, "class_names": ["a", "a"]}, r"repeat a name"),
        ({"images": IMAGES, "labels": LABELS, "class_names": [1, 2]}, r"must be a list of texts"),
        ({"images": IMAGES, "labels": LABELS, "groups": [1, 2]}, r"4 images but 2 groups"),
        ({"images": IMAGES, "labels": LABELS, "groups": [0.5] * 4}, r"groups must be whole"),
    ],
)
def test_a_wrong_archive_is_refused(
    tmp_path: Path, arrays: dict[str, object], message: str
) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=message):
        load_source(path)


@pytest.mark.parametrize(
    ("value", "message"),
    [(np.nan, "from nan"), (-1.0, "from -1"), (300.0, "to 300"), (np.inf, "to inf")],
)
def test_numbers_that_are_no_pictures_are_refused(
    tmp_path: Path, value: float, message: str
) -> None:
    images = IMAGES.astype(np.float32)
    images[2, 1, 1, 1] = value
    source = load_source(write_npz(tmp_path, images=images, labels=LABELS))
    with pytest.raises(InputError, match=message):
        source.read(0)


def test_what_is_no_archive_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    path.write_bytes(b"not a zip at all")
    with pytest.raises(InputError, match=r"no \.npz archive"):
        load_source(path)
    whole = write_npz(tmp_path, images=noisy_images(40), labels=[0, 1] * 20).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"no \.npz archive, or it is cut off"):
        load_source(path)
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    path.write_bytes(damaged)
    with pytest.raises(InputError, match="damaged"):
        load_source(path).read(0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no CSV table"),
        ("file,label\na.png,cat\n", "no column 'path'; it has: file, label"),
        ("path,class\na.png,cat\n", "no column 'label'; it has: path, class"),
        ("path,label\n", "has no images"),
        ("path,label\ngone.png,cat\nlost.png,dog\n", "2 files that are not there: .*gone.png"),
        ("path,label\na.png,\n", "1 rows without a label"),
        ("path,label\na.png,cat\na.png,cat\n", "single class, 'cat'"),
        ('path,label\na.png,"cat\n', "no CSV table"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, text: str, message: str) -> None:
    Image.fromarray(IMAGES[0]).save(tmp_path / "a.png")
    (tmp_path / "set.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        load_source(tmp_path / "set.csv")


def test_a_wrong_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        load_source(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no class folders"):
        load_source(tmp_path)
    write_class_folders(tmp_path, IMAGES[:1], ["cat"])
    with pytest.raises(InputError, match="single class, 'cat'"):
        load_source(tmp_path)
    (tmp_path / "dog").mkdir()
    with pytest.raises(InputError, match="holds no images"):
        load_source(tmp_path)
    write_class_folders(tmp_path / "dog", IMAGES[:1], ["brown"])
    with pytest.raises(InputError, match="holds only folders"):
        load_source(tmp_path)
    (tmp_path / "set.txt").write_text("")
    with pytest.raises(InputError, match=r"known: \.npz"):
        load_source(tmp_path / "set.txt")


def test_files_that_cannot_be_decoded_are_told_apart_row_by_row(tmp_path: Path) -> None:
    write_class_folders(tmp_path, IMAGES, ["cat", "cat", "dog", "dog"])
    whole = (tmp_path / "cat" / "0000.png").read_bytes()
    (tmp_path / "cat" / "0000.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "cat" / "0001.png").write_bytes(b"")
    Image.new("1", (20_000, 20_000)).save(tmp_path / "dog" / "0002.png")
    source = load_source(tmp_path)
    for row in range(3):
        with pytest.raises(UnreadableImageError, match=f"000{row}.png"):
            source.read(row)
    np.testing.assert_array_equal(source.read(3), IMAGES[3])


def test_a_table_with_a_byte_order_mark_and_blanks_is_read(tmp_path: Path) -> None:
    write_class_folders(tmp_path, IMAGES, ["cat", "cat", "dog", "dog"])
    rows = [{"path": "cat/0000.png", "label": "cat"}, {"path": "dog/0002.png", "label": "dog"}]
    path = write_csv(tmp_path, rows)
    path.write_text("\ufeff" + path.read_text().replace(",", " , "), encoding="utf-8")
    assert load_source(path).class_names == ("cat", "dog")
