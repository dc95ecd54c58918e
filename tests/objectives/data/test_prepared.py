"""Prepared images are reopened when whole, made again when not, and never half there."""

import json
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from objectives.data import ImageSource, load_source, open_prepared, prepare
from objectives.data.content import hash_content
from objectives.records import ImageArray
from spaces.errors import InputError, UnavailableError
from tests.objectives.data.written_data import noisy_images, write_class_folders, write_npz

IMAGES = noisy_images(6, px=40)
LABELS = [0, 0, 1, 1, 2, 2]


class CountingSource(ImageSource):
    """Counts how often a picture of another source is read."""

    def __init__(self, source: ImageSource) -> None:
        self.source, self.labels, self.class_names = source, source.labels, source.class_names
        self.n_read = 0

    def read(self, row: int) -> ImageArray:
        self.n_read += 1
        return self.source.read(row)

    def name(self, row: int) -> str:
        return self.source.name(row)

    def stamp(self) -> str:
        return self.source.stamp()


@contextmanager
def largest_file_bytes(n_bytes: int) -> Iterator[None]:
    """Let writing fail beyond a size, as a full quota does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def npz_source(folder: Path) -> CountingSource:
    return CountingSource(load_source(write_npz(folder, images=IMAGES, labels=LABELS)))


def test_images_of_the_right_size_are_copied_unchanged_and_mapped(tmp_path: Path) -> None:
    data = prepare(npz_source(tmp_path), 40, tmp_path / "prepared")
    np.testing.assert_array_equal(data.images, IMAGES)
    assert isinstance(data.images, np.memmap)
    assert not data.images.flags.writeable
    assert data.content_hashes == tuple(hash_content(image) for image in IMAGES)


def test_content_hashes_and_fingerprint_do_not_depend_on_the_size(tmp_path: Path) -> None:
    source = npz_source(tmp_path)
    small, large = prepare(source, 16, tmp_path / "16"), prepare(source, 64, tmp_path / "64")
    assert small.images.shape == (6, 16, 16, 3)
    assert large.images.shape == (6, 64, 64, 3)
    assert small.content_hashes == large.content_hashes
    assert small.fingerprint == large.fingerprint


def test_what_is_there_is_reopened_without_reading_the_source(tmp_path: Path) -> None:
    source = npz_source(tmp_path)
    first = prepare(source, 32, tmp_path / "prepared")
    again = prepare(source, 32, tmp_path / "prepared")
    assert source.n_read == 6
    assert (
        again.fingerprint == first.fingerprint == open_prepared(tmp_path / "prepared").fingerprint
    )


def test_another_size_or_a_changed_source_is_prepared_anew(tmp_path: Path) -> None:
    prepare(npz_source(tmp_path), 32, tmp_path / "prepared")
    assert prepare(npz_source(tmp_path), 24, tmp_path / "prepared").images.shape[1] == 24
    write_npz(tmp_path, images=IMAGES[::-1], labels=LABELS)
    data = prepare(load_source(tmp_path / "set.npz"), 40, tmp_path / "prepared")
    np.testing.assert_array_equal(data.images, IMAGES[::-1])


@pytest.mark.parametrize("damage", ["flip a bit", "cut off", "remove", "no meta", "half a meta"])
def test_damage_is_noticed_and_made_good(tmp_path: Path, damage: str) -> None:
    source = npz_source(tmp_path)
    folder = tmp_path / "prepared"
    prepare(source, 40, folder)
    images, meta = folder / "images.npy", folder / "meta.json"
    content = bytearray(images.read_bytes())
    content[len(content) // 2] ^= 1
    actions: dict[str, Callable[[], object]] = {
        "flip a bit": lambda: images.write_bytes(content),
        "cut off": lambda: images.write_bytes(content[:-100]),
        "remove": images.unlink,
        "no meta": meta.unlink,
        "half a meta": lambda: meta.write_text(meta.read_text()[:100]),
    }
    actions[damage]()
    with pytest.raises(InputError, match="no prepared images, or damaged ones"):
        open_prepared(folder)
    np.testing.assert_array_equal(prepare(source, 40, folder).images, IMAGES)
    assert source.n_read == 12


def test_a_full_disk_is_said_to_be_full_and_nothing_half_made_stays(tmp_path: Path) -> None:
    source = npz_source(tmp_path)
    source.read(0)
    folder = tmp_path / "prepared"
    with largest_file_bytes(8_000), pytest.raises(UnavailableError, match="disk is full"):
        prepare(source, 40, folder)
    assert {path.name for path in folder.iterdir()} <= {"prepare.lock"}
    assert len(prepare(source, 40, folder).images) == 6


def test_a_full_disk_while_unpacking_is_said_to_be_full(tmp_path: Path) -> None:
    source = load_source(write_npz(tmp_path, images=IMAGES, labels=LABELS))
    with largest_file_bytes(8_000), pytest.raises(UnavailableError, match="disk is full"):
        source.read(0)


def test_pictures_that_cannot_be_decoded_become_black_without_a_content(
    tmp_path: Path,
) -> None:
    write_class_folders(tmp_path / "set", IMAGES, [str(label) for label in LABELS])
    (tmp_path / "set" / "1" / "0002.png").write_bytes(b"damaged")
    data = prepare(load_source(tmp_path / "set"), 40, tmp_path / "prepared")
    assert data.content_hashes[2] == ""
    assert not data.images[2].any()
    np.testing.assert_array_equal(data.images[3], IMAGES[3])


def test_the_meta_file_is_plain_json(tmp_path: Path) -> None:
    prepare(npz_source(tmp_path), 40, tmp_path / "prepared")
    meta = json.loads((tmp_path / "prepared" / "meta.json").read_text())
    assert meta["class_names"] == ["0", "1", "2"]
