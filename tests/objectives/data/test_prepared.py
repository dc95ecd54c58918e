"""Prepared images are an entry of the store: reopened when whole, made once, never half there."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from objectives.data import ImageSource, load_source, prepare
from objectives.data.content import fingerprint, hash_content
from objectives.records import ImageArray
from objectives.store.array_store import ArrayStore, ArrayWriter
from spaces.errors import DiskFullError, InputError, UnavailableError
from tests.objectives.data.written_data import noisy_images, write_class_folders, write_npz
from tests.objectives.full_disk import largest_file_bytes

IMAGES = noisy_images(6, px=40)
LABELS = [0, 0, 1, 1, 2, 2]
MB = 10**6


class CountingSource(ImageSource):
    """Counts how often a picture of another source is read."""

    def __init__(self, source: ImageSource) -> None:
        self.source, self.path = source, source.path
        self.labels, self.class_names = source.labels, source.class_names
        self.n_read = 0

    def read(self, row: int) -> ImageArray:
        self.n_read += 1
        return self.source.read(row)

    def name(self, row: int) -> str:
        return self.source.name(row)

    def stamp(self) -> str:
        return self.source.stamp()


def npz_source(folder: Path) -> CountingSource:
    return CountingSource(load_source(write_npz(folder, images=IMAGES, labels=LABELS)))


@pytest.fixture
def store(tmp_path: Path) -> ArrayStore:
    return ArrayStore(tmp_path / "store", max_bytes=MB)


def reopened(store_folder: Path) -> ArrayStore:
    """A store as another process sees it, which has checked nothing yet."""
    return ArrayStore(store_folder, max_bytes=MB)


def test_images_of_the_right_size_are_copied_unchanged_and_mapped(
    tmp_path: Path, store: ArrayStore
) -> None:
    data = prepare(npz_source(tmp_path), 40, store)
    np.testing.assert_array_equal(data.images, IMAGES)
    assert isinstance(data.images, np.memmap)
    assert not data.images.flags.writeable
    assert data.content_hashes == tuple(hash_content(image) for image in IMAGES)
    assert data.labels.tolist() == LABELS
    assert data.class_names == ("0", "1", "2")


def test_content_hashes_and_fingerprint_do_not_depend_on_the_size(
    tmp_path: Path, store: ArrayStore
) -> None:
    source = npz_source(tmp_path)
    small, large = prepare(source, 16, store), prepare(source, 64, store)
    assert small.images.shape == (6, 16, 16, 3)
    assert large.images.shape == (6, 64, 64, 3)
    assert small.content_hashes == large.content_hashes
    assert small.fingerprint == large.fingerprint


def test_what_is_there_is_reopened_without_reading_the_source(
    tmp_path: Path, store: ArrayStore
) -> None:
    source = npz_source(tmp_path)
    first = prepare(source, 32, store)
    again = prepare(source, 32, reopened(tmp_path / "store"))
    assert source.n_read == 6
    assert again.fingerprint == first.fingerprint
    assert again.content_hashes == first.content_hashes
    assert again.class_names == first.class_names
    np.testing.assert_array_equal(again.labels, first.labels)
    hashes = [hash_content(image) for image in IMAGES]
    assert first.fingerprint == fingerprint(hashes, np.array(LABELS), ["0", "1", "2"])


def test_another_size_or_a_changed_source_is_prepared_anew(
    tmp_path: Path, store: ArrayStore
) -> None:
    prepare(npz_source(tmp_path), 32, store)
    assert prepare(npz_source(tmp_path), 24, store).images.shape[1] == 24
    write_npz(tmp_path, images=IMAGES[::-1], labels=LABELS)
    data = prepare(load_source(tmp_path / "set.npz"), 40, store)
    np.testing.assert_array_equal(data.images, IMAGES[::-1])


def test_class_names_of_any_letters_come_back_as_they_were(
    tmp_path: Path, store: ArrayStore
) -> None:
    names = ["a(b)", "50%", "cat, dog / ünï 細胞 🦠"]
    path = write_npz(tmp_path, images=IMAGES, labels=LABELS, class_names=names)
    for _ in range(2):
        data = prepare(load_source(path), 40, store)
        assert data.class_names == tuple(sorted(names))


@pytest.mark.parametrize("damage", ["flip a bit", "cut off", "remove", "no meta", "half a meta"])
def test_damage_is_noticed_and_made_good(tmp_path: Path, store: ArrayStore, damage: str) -> None:
    source = npz_source(tmp_path)
    prepare(source, 40, store)
    (folder,) = (tmp_path / "store" / "entries").iterdir()
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
    again = prepare(source, 40, reopened(tmp_path / "store"))
    np.testing.assert_array_equal(again.images, IMAGES)
    assert source.n_read == 12


def test_two_processes_prepare_one_data_set_once(tmp_path: Path) -> None:
    write_npz(tmp_path, images=IMAGES, labels=LABELS)
    code = (
        "import sys; from pathlib import Path\n"
        "from objectives.data import load_source, prepare\n"
        "from objectives.store.array_store import ArrayStore\n"
        "store = ArrayStore(Path(sys.argv[1]) / 'store', max_bytes=10**6)\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "prepare(load_source(Path(sys.argv[1]) / 'set.npz'), 40, store)\n"
        "print(store.counts.made, store.counts.reused)\n"
    )
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    said = [worker.communicate("go\n")[0].strip() for worker in workers]
    assert sorted(said) == ["0 1", "1 0"]


def test_images_in_use_are_not_evicted_and_go_when_nobody_reads_them(
    tmp_path: Path, store: ArrayStore
) -> None:
    data = prepare(npz_source(tmp_path), 40, store)
    row = data.images[3]
    del data

    def fill(writer: ArrayWriter) -> None:
        writer.create("x", (MB - 20_000,), np.uint8)

    with pytest.raises(Exception, match="in use"):
        store.get({"view": 1}, fill)
    np.testing.assert_array_equal(row, IMAGES[3])
    del row
    store.get({"view": 1}, fill)
    assert [entry.key for entry in store.entries()] == [{"view": 1}]


def test_a_full_disk_is_said_to_be_full_and_nothing_half_made_stays(
    tmp_path: Path, store: ArrayStore
) -> None:
    source = npz_source(tmp_path)
    source.read(0)
    with (
        largest_file_bytes(8_000),
        pytest.raises(DiskFullError, match=r"no room for the images of .*set\.npz.*a full disk"),
    ):
        prepare(source, 40, store)
    assert store.size_bytes() == 0
    assert len(prepare(source, 40, store).images) == 6


def test_images_larger_than_the_store_may_be_say_what_to_raise(
    tmp_path: Path, store: ArrayStore
) -> None:
    source = npz_source(tmp_path)
    with pytest.raises(InputError, match=r"6 images of 300 x 300 .* Raise FOLDSWEEP_STORE_GB"):
        prepare(source, 300, store)
    assert source.n_read == 0


def test_a_full_disk_while_unpacking_is_said_to_be_full(tmp_path: Path) -> None:
    source = load_source(write_npz(tmp_path, images=IMAGES, labels=LABELS))
    with largest_file_bytes(8_000), pytest.raises(UnavailableError, match="disk is full"):
        source.read(0)


def test_numbers_that_are_no_pictures_leave_no_entry(tmp_path: Path, store: ArrayStore) -> None:
    images = IMAGES.astype(np.float32)
    images[2, 1, 1, 1] = np.nan
    source = load_source(write_npz(tmp_path, images=images, labels=LABELS))
    with pytest.raises(InputError, match="to nan"):
        prepare(source, 40, store)
    assert store.size_bytes() == 0


def test_pictures_that_cannot_be_decoded_become_black_without_a_content(
    tmp_path: Path, store: ArrayStore
) -> None:
    write_class_folders(tmp_path / "set", IMAGES, [str(label) for label in LABELS])
    (tmp_path / "set" / "1" / "0002.png").write_bytes(b"damaged")
    data = prepare(load_source(tmp_path / "set"), 40, store)
    assert data.content_hashes[2] == ""
    assert "" not in data.content_hashes[:2] + data.content_hashes[3:]
    assert not data.images[2].any()
    np.testing.assert_array_equal(data.images[3], IMAGES[3])


def test_all_that_goes_with_the_images_holds_no_file_open(
    tmp_path: Path, store: ArrayStore
) -> None:
    source = npz_source(tmp_path)
    source.read(0)
    before = len(list(Path("/dev/fd").iterdir()))
    data = prepare(source, 40, store)
    assert len(list(Path("/dev/fd").iterdir())) == before + 1
    shutil.rmtree(tmp_path / "store")
    assert data.labels.tolist() == LABELS


def test_the_entry_says_in_plain_json_what_it_is(tmp_path: Path, store: ArrayStore) -> None:
    prepare(npz_source(tmp_path), 40, store)
    (meta,) = (tmp_path / "store" / "entries").glob("*/meta.json")
    key = json.loads(meta.read_text())["key"]
    assert (key["kind"], key["image_px"]) == ("images", 40)
