"""What the audit says about data sets whose faults we put there."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from objectives.audit import audit
from objectives.data import load_source
from objectives.records import ImageArray
from tests.objectives.data.written_data import (
    noisy_images,
    write_class_folders,
    write_csv,
    write_npz,
)


def as_jpeg(image: ImageArray, quality: int) -> ImageArray:
    content = io.BytesIO()
    Image.fromarray(image).save(content, "JPEG", quality=quality)
    return np.asarray(Image.open(content))


def test_a_clean_set_loses_nothing_and_every_row_is_its_own_group(tmp_path: Path) -> None:
    path = write_npz(tmp_path, images=noisy_images(200), labels=np.arange(200) % 4)
    report = audit(load_source(path))
    assert report.images == 200
    assert report.exclude == []
    assert report.reasons == report.warnings == {}
    assert report.clusters == ()
    assert len(set(report.groups.tolist())) == 200


def test_of_exact_copies_under_one_label_the_first_stays(tmp_path: Path) -> None:
    images = noisy_images(10)
    images[[4, 7]] = images[1]
    report = audit(load_source(write_npz(tmp_path, images=images, labels=np.arange(10) % 3)))
    assert report.exclude == [4, 7]
    assert report.reasons[7] == "duplicate: the same pixels as row 1"
    assert report.counts == {"duplicate": 2}
    assert report.groups[1] == report.groups[4] == report.groups[7]
    assert report.class_counts == {"0": (4, 4), "1": (3, 1), "2": (3, 3)}


def test_copies_under_different_labels_all_go(tmp_path: Path) -> None:
    images = noisy_images(10)
    images[5] = images[0]
    labels = [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]
    report = audit(load_source(write_npz(tmp_path, images=images, labels=labels)))
    assert report.exclude == [0, 5]
    assert report.reasons[0] == "label conflict: 2 copies of a picture have 2 labels (0, 1)"
    assert report.clusters[0].conflicting
    assert report.clusters[0].exact


def test_near_copies_under_one_label_stay_as_one_group_and_under_two_go(tmp_path: Path) -> None:
    images = noisy_images(12, px=64)
    images[6] = as_jpeg(images[0], 70)
    images[7] = np.roll(as_jpeg(images[1], 70), 1, axis=1)
    labels = np.array([0, 1, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1])
    report = audit(load_source(write_npz(tmp_path, images=images, labels=labels)))
    assert report.groups[0] == report.groups[6]
    assert report.exclude == [1, 7]
    assert not any(cluster.exact for cluster in report.clusters)


@pytest.mark.parametrize(
    "change",
    [np.fliplr, np.flipud, np.rot90, lambda image: np.rot90(image, 2), lambda i: i.swapaxes(0, 1)],
    ids=["mirrored", "upside down", "turned", "turned half", "transposed"],
)
def test_mirrored_and_turned_copies_are_not_seen_as_the_pages_say(
    tmp_path: Path, change: Callable[[ImageArray], ImageArray]
) -> None:
    images = noisy_images(12, px=64)
    images[6] = change(images[0])
    report = audit(load_source(write_npz(tmp_path, images=images, labels=np.arange(12) % 3)))
    assert report.groups[0] != report.groups[6]
    images[6] = images[0]
    report = audit(load_source(write_npz(tmp_path, images=images, labels=np.arange(12) % 3)))
    assert report.groups[0] == report.groups[6]


def test_a_copy_at_another_size_is_found_and_the_odd_size_said(tmp_path: Path) -> None:
    images = noisy_images(20, px=64)
    write_class_folders(tmp_path, images, ["a", "b"] * 10)
    large = Image.fromarray(images[0]).resize((128, 128), Image.Resampling.BICUBIC)
    large.save(tmp_path / "a" / "9999.png")
    report = audit(load_source(tmp_path))
    assert report.groups[0] == report.groups[10]
    assert report.exclude == []
    assert report.warnings == {10: "odd size: 128 x 128 pixels, where 64 x 64 pixels is usual"}


def test_parts_that_differ_in_one_spot_are_not_copies(tmp_path: Path) -> None:
    part = noisy_images(1, px=96)[0]
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 2, (40, 96, 96, 3))
    images = np.clip(part.astype(float) + noise, 0, 255).astype(np.uint8)
    for row in range(0, 40, 2):
        top, left = rng.integers(8, 75, 2)
        images[row, top : top + 12, left : left + 12] = 255 - images[row, top, left]
    report = audit(load_source(write_npz(tmp_path, images=images, labels=np.arange(40) % 2)))
    assert report.counts.get("label conflict", 0) == 0


def test_pictures_of_one_colour_specks_and_damaged_files_go(tmp_path: Path) -> None:
    images = noisy_images(30, px=64)
    write_class_folders(tmp_path, images, ["a"] * 15 + ["b"] * 15)
    Image.new("RGB", (64, 64), "navy").save(tmp_path / "a" / "0000.png")
    Image.fromarray(images[1, :3, :3]).save(tmp_path / "a" / "0001.png")
    (tmp_path / "b" / "0020.png").write_bytes(b"damaged")
    report = audit(load_source(tmp_path))
    assert report.exclude == [0, 1, 20]
    assert report.counts == {"one colour": 1, "tiny": 1, "unreadable": 1}
    assert "0020.png" in report.reasons[20]


def test_a_set_of_mixed_sizes_has_no_odd_ones_but_much_smaller_ones(tmp_path: Path) -> None:
    for row, image in enumerate(noisy_images(12, px=200)):
        folder = tmp_path / ("a" if row % 2 else "b")
        folder.mkdir(exist_ok=True)
        px = 40 if row == 0 else 150 + 4 * row
        Image.fromarray(image).resize((px, px)).save(folder / f"{row:02d}.png")
    report = audit(load_source(tmp_path))
    assert report.exclude == []
    assert list(report.warnings) == [6]


def test_given_groups_are_merged_with_clusters_of_copies(tmp_path: Path) -> None:
    images = noisy_images(8)
    images[4] = images[1]
    write_class_folders(tmp_path, images, ["a", "b"] * 4)
    patients = ["p", "p", "", "", "q", "q", "", "r"]
    rows = [
        {"path": f"{'ab'[row % 2]}/{row:04d}.png", "label": "ab"[row % 2], "group": patient}
        for row, patient in enumerate(patients)
    ]
    groups = audit(load_source(write_csv(tmp_path, rows))).groups
    assert len({groups[0], groups[1], groups[4], groups[5]}) == 1
    assert len(set(groups.tolist())) == 5


def test_files_that_are_all_damaged_are_all_excluded(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").write_bytes(b"damaged")
    assert audit(load_source(tmp_path)).exclude == [0, 1]


@pytest.mark.parametrize("px", [8, 28])
def test_scikit_learns_digits_keep_nearly_all_rows(tmp_path: Path, px: int) -> None:
    from sklearn.datasets import load_digits

    digits = load_digits()
    grey = (digits.images * 15.9375).astype(np.uint8)
    images = [np.asarray(Image.fromarray(image).resize((px, px))) for image in grey]
    report = audit(load_source(write_npz(tmp_path, images=images, labels=digits.target)))
    assert len(report.exclude) <= 0.005 * len(images)
