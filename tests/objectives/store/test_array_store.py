"""The store of arrays: made once, checked, under its cap, whatever is killed."""

import fcntl
import logging
import os
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from objectives.store.array_store import ArrayStore, ArrayWriter, Freed, StoreCounts, StoreFull
from objectives.store.reserving import preallocate_on_macos, reserve_bytes
from spaces.errors import FoldsweepError, InputError

MB = 10**6
Damage = Callable[[Path], None]
REPOSITORY = Path(__file__).parents[3]


def key_of(number: int) -> dict[str, int | str]:
    return {"view": number, "policy": "none"}


def producer(number: int, n_bytes: int = 4000) -> Callable[[ArrayWriter], None]:
    def produce(writer: ArrayWriter) -> None:
        writer.create("x", (n_bytes,), np.uint8)[:] = number

    return produce


def never(writer: ArrayWriter) -> None:
    raise AssertionError("it was there already")


def files_under(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name != "room.lock" and path.is_file()]


def entry_folder(store_folder: Path) -> Path:
    (folder,) = (store_folder / "entries").iterdir()
    return folder


@pytest.fixture
def store(tmp_path: Path) -> ArrayStore:
    return ArrayStore(tmp_path / "store", max_bytes=MB)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode != 0:
        pytest.skip(f"mounting a small disk is not allowed here: {done.stderr.strip()}")
    yield folder
    # Lazily: a test that fails still has arrays open through its traceback.
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_arrays_come_back_as_they_were_written(store: ArrayStore) -> None:
    features = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float16)

    def produce(writer: ArrayWriter) -> None:
        writer.create("features", (7, 3), "float16")[:] = features
        writer.create("labels", (7,), np.int64)[:] = np.arange(7)
        writer.create("nothing", (0, 5), np.float32)
        writer.create("scalar", (), np.float64)[...] = 0.5

    arrays = store.get(key_of(1), produce)
    assert set(arrays) == {"features", "labels", "nothing", "scalar"}
    np.testing.assert_array_equal(arrays["features"], features)
    np.testing.assert_array_equal(arrays["labels"], np.arange(7))
    assert arrays["nothing"].shape == (0, 5)
    assert arrays["scalar"][()] == 0.5
    assert arrays["features"].dtype == np.float16
    with pytest.raises(ValueError, match="read-only"):
        arrays["labels"][0] = 9


def test_the_files_are_plain_npy_that_numpy_reads(tmp_path: Path, store: ArrayStore) -> None:
    store.get(key_of(1), producer(7, 10))
    path = entry_folder(tmp_path / "store") / "x.npy"
    np.testing.assert_array_equal(np.load(path), np.full(10, 7, np.uint8))


def test_a_folder_is_named_by_the_sha256_of_the_canonical_json(
    tmp_path: Path, store: ArrayStore
) -> None:
    store.get({"b": True, "a": None, "c": 1.5}, producer(1))
    # printf '%s' '{"a":null,"b":true,"c":1.5}' | sha256sum
    expected = subprocess.run(
        ["sha256sum"], input=b'{"a":null,"b":true,"c":1.5}', capture_output=True, check=True
    ).stdout.split()[0]
    assert entry_folder(tmp_path / "store").name == expected.decode()


def test_an_entry_is_made_once_and_then_reused(tmp_path: Path, store: ArrayStore) -> None:
    assert not store.has(key_of(1))
    assert store.peek(key_of(1)) is None
    store.get(key_of(1), producer(1))
    assert store.has(key_of(1))
    assert store.get(key_of(1), never)["x"][0] == 1
    assert store.counts == StoreCounts(made=1, reused=1)
    other = ArrayStore(tmp_path / "store", max_bytes=MB)
    peeked = other.peek(key_of(1))
    assert peeked is not None
    assert peeked["x"][0] == 1
    assert other.counts == StoreCounts(made=0, reused=1)


def test_keys_that_differ_only_in_type_have_entries_of_their_own(store: ArrayStore) -> None:
    for number, value in enumerate([1, 1.0, True, "1", None]):
        store.get({"k": value}, producer(number))
    assert store.counts.made == 5
    assert store.get({"k": True}, never)["x"][0] == 2


def test_the_order_of_a_key_does_not_matter(store: ArrayStore) -> None:
    store.get({"a": 1, "b": 2}, producer(1))
    assert store.has({"b": 2, "a": 1})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_key_that_equals_nothing_is_refused(store: ArrayStore, value: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        store.get({"a": value}, never)


def test_a_key_of_an_unknown_type_is_refused(store: ArrayStore) -> None:
    with pytest.raises(TypeError, match="'rows' has a list"):
        store.get({"rows": [1, 2]}, never)  # type: ignore[dict-item]


@pytest.mark.parametrize("name", ["../x", "a.b", "", "a/b"])
def test_an_array_name_that_is_no_plain_word_is_refused(store: ArrayStore, name: str) -> None:
    with pytest.raises(ValueError, match="array name"):
        store.get(key_of(1), lambda writer: void(writer.create(name, (1,), np.uint8)))


def test_an_array_of_objects_is_refused(store: ArrayStore) -> None:
    with pytest.raises(ValueError, match="objects"):
        store.get(key_of(1), lambda writer: void(writer.create("x", (1,), object)))


def void(_: object) -> None:
    return None


def test_a_producer_that_makes_nothing_is_refused(tmp_path: Path, store: ArrayStore) -> None:
    with pytest.raises(ValueError, match="no array"):
        store.get(key_of(1), void)
    assert files_under(tmp_path) == []


def test_a_producer_that_raises_leaves_nothing(tmp_path: Path, store: ArrayStore) -> None:
    def fail(writer: ArrayWriter) -> None:
        writer.create("x", (10,), np.uint8)
        raise RuntimeError("no images")

    with pytest.raises(RuntimeError, match="no images"):
        store.get(key_of(1), fail)
    assert files_under(tmp_path) == []
    assert list((tmp_path / "store" / "work").iterdir()) == []
    assert store.get(key_of(1), producer(1))["x"][0] == 1
    assert store.counts == StoreCounts(made=1)


def test_lock_files_and_descriptors_do_not_pile_up(tmp_path: Path, store: ArrayStore) -> None:
    store.get(key_of(0), producer(0))
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(30):
        store.get(key_of(number), producer(number))
        store.get(key_of(number), never)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert list((tmp_path / "store" / "locks").iterdir()) == []
    assert list((tmp_path / "store" / "work").iterdir()) == []


def test_a_producer_may_get_another_entry(store: ArrayStore) -> None:
    def features(writer: ArrayWriter) -> None:
        view = store.get(key_of(1), producer(3))["x"]
        writer.create("sum", (1,), np.int64)[0] = view.sum()

    assert store.get({"features": 1}, features)["sum"][0] == 12000


# Damage


def flip_a_byte(folder: Path) -> None:
    with (folder / "x.npy").open("r+b") as file:
        file.seek(1000)
        file.write(b"\xff")


def flip_a_byte_of_the_header(folder: Path) -> None:
    with (folder / "x.npy").open("r+b") as file:
        file.seek(30)
        file.write(b"\xff")


def truncate(folder: Path) -> None:
    os.truncate(folder / "x.npy", 2000)


def lose_an_array(folder: Path) -> None:
    (folder / "x.npy").unlink()


def lose_the_meta(folder: Path) -> None:
    (folder / "meta.json").unlink()


def cut_the_meta(folder: Path) -> None:
    os.truncate(folder / "meta.json", 20)


def claim_another_key(folder: Path) -> None:
    meta = folder / "meta.json"
    meta.write_text(meta.read_text().replace('"policy":"none"', '"policy":"augmix"'))


def claim_another_dtype(folder: Path) -> None:
    meta = folder / "meta.json"
    meta.write_text(meta.read_text().replace("|u1", "|i1"))


DAMAGES = [
    flip_a_byte,
    flip_a_byte_of_the_header,
    truncate,
    lose_an_array,
    lose_the_meta,
    cut_the_meta,
    claim_another_key,
    claim_another_dtype,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_noticed_and_made_again(
    tmp_path: Path, store: ArrayStore, damage: Damage, caplog: pytest.LogCaptureFixture
) -> None:
    store.get(key_of(1), producer(1))
    damage(entry_folder(tmp_path / "store"))
    later = ArrayStore(tmp_path / "store", max_bytes=MB)
    with caplog.at_level(logging.WARNING):
        arrays = later.get(key_of(1), producer(1))
    np.testing.assert_array_equal(arrays["x"], np.ones(4000, np.uint8))
    assert later.counts == StoreCounts(made=1)
    assert "damaged" in caplog.text
    assert later.get(key_of(1), never)["x"].sum() == 4000


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_not_peeked_at(
    tmp_path: Path, store: ArrayStore, damage: Damage
) -> None:
    store.get(key_of(1), producer(1))
    damage(entry_folder(tmp_path / "store"))
    later = ArrayStore(tmp_path / "store", max_bytes=MB)
    assert later.peek(key_of(1)) is None
    assert not later.has(key_of(1))


def test_damage_after_the_first_check_is_noticed_by_the_same_process(
    tmp_path: Path, store: ArrayStore
) -> None:
    store.get(key_of(1), producer(1))
    store.get(key_of(1), never)
    flip_a_byte(entry_folder(tmp_path / "store"))
    assert store.get(key_of(1), producer(2))["x"][0] == 2


def test_the_checksum_is_computed_once_per_process(tmp_path: Path, store: ArrayStore) -> None:
    """A change that hides behind the old mtime is seen by the first opening alone."""
    store.get(key_of(1), producer(1))
    path = entry_folder(tmp_path / "store") / "x.npy"
    written_ns = path.stat().st_mtime_ns
    flip_a_byte(path.parent)
    os.utime(path, ns=(written_ns, written_ns))
    assert store.get(key_of(1), never)["x"].sum() > 4000
    assert ArrayStore(tmp_path / "store", max_bytes=MB).peek(key_of(1)) is None


# Room


def ages(store: ArrayStore) -> list[object]:
    return [entry.key["view"] for entry in store.entries()]


def test_the_least_recently_used_entry_goes_first(tmp_path: Path) -> None:
    store = ArrayStore(tmp_path, max_bytes=15_000)  # three of 4,128 bytes and their meta
    for number in (1, 2, 3):
        store.get(key_of(number), producer(number))
    store.get(key_of(1), never)
    assert ages(store) == [2, 3, 1]
    store.get(key_of(4), producer(4))
    assert ages(store) == [3, 1, 4]
    assert store.peek(key_of(3)) is not None
    store.get(key_of(5), producer(5))
    assert ages(store) == [4, 3, 5]
    assert store.size_bytes() <= 15_000


def test_the_size_is_what_the_files_have(tmp_path: Path, store: ArrayStore) -> None:
    for number in (1, 2):
        store.get(key_of(number), producer(number))
    total = sum(path.stat().st_size for path in files_under(tmp_path))
    assert store.size_bytes() == total == sum(entry.n_bytes for entry in store.entries())
    assert abs(store.entries()[0].last_used_s - time.time()) < 60


def test_an_entry_in_use_is_not_evicted(tmp_path: Path) -> None:
    store = ArrayStore(tmp_path, max_bytes=10_000)
    part = store.get(key_of(1), producer(1))["x"][10:20]  # a slice is enough
    store.get(key_of(2), producer(2))
    store.get(key_of(3), producer(3))
    assert ages(store) == [1, 3]
    both = store.get(key_of(3), never)
    with pytest.raises(StoreFull, match="in use"):
        store.get(key_of(4), producer(4))
    assert sorted(map(str, ages(store))) == ["1", "3"]
    assert part.sum() == 10
    del part, both
    store.get(key_of(4), producer(4))
    assert ages(store) == [3, 4]


def test_an_entry_that_another_process_has_open_is_not_evicted(tmp_path: Path) -> None:
    store = ArrayStore(tmp_path, max_bytes=10_000)
    store.get(key_of(1), producer(1))
    code = (
        "import sys; from pathlib import Path\n"
        "from objectives.store.array_store import ArrayStore\n"
        "store = ArrayStore(Path(sys.argv[1]), max_bytes=10_000)\n"
        "arrays = store.peek({'view': 1, 'policy': 'none'})\n"
        "print('open', flush=True); sys.stdin.read()\n"
    )
    reader = start([code, str(tmp_path)])
    try:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "open\n"
        for number in (2, 3):
            store.get(key_of(number), producer(number))
        assert ages(store) == [1, 3]
    finally:
        reader.kill()
        reader.communicate()
    store.get(key_of(4), producer(4))
    assert ages(store) == [3, 4]


def test_an_entry_larger_than_the_cap_is_refused_and_evicts_nothing(
    tmp_path: Path, store: ArrayStore
) -> None:
    store.get(key_of(1), producer(1))
    before = files_under(tmp_path)
    with pytest.raises(StoreFull, match="larger than the whole cap") as raised:
        store.get(key_of(2), producer(2, 2 * MB))
    assert isinstance(raised.value, FoldsweepError)
    assert files_under(tmp_path) == before


def test_an_entry_of_two_arrays_that_together_are_too_large_is_refused(
    tmp_path: Path, store: ArrayStore
) -> None:
    def produce(writer: ArrayWriter) -> None:
        writer.create("a", (600_000,), np.uint8)
        writer.create("b", (600_000,), np.uint8)

    with pytest.raises(StoreFull):
        store.get(key_of(1), produce)
    assert files_under(tmp_path) == []


def test_a_full_disk_evicts(small_disk: Path) -> None:
    store = ArrayStore(small_disk / "store", max_bytes=100 * MB)
    for number in range(10):
        arrays = store.get(key_of(number), producer(number, 300_000))
        assert (arrays["x"] == number).all()
    assert 1 <= len(store.entries()) <= 3
    assert ages(store)[-1] == 9


def test_a_full_disk_with_nothing_to_evict_says_so_and_leaves_nothing(small_disk: Path) -> None:
    store = ArrayStore(small_disk / "store", max_bytes=100 * MB)
    kept = store.get(key_of(1), producer(1, 300_000))
    (small_disk / "of another program").write_bytes(b"x" * 500_000)
    with pytest.raises(StoreFull, match="full disk"):
        store.get(key_of(2), producer(2, 600_000))
    assert ages(store) == [1]
    assert list((small_disk / "store" / "work").iterdir()) == []
    assert (kept["x"] == 1).all()
    del kept
    with pytest.raises(StoreFull):  # even without entry 1 it does not fit: so 1 stays
        store.get(key_of(2), producer(2, 900_000))
    assert ages(store) == [1]
    assert store.get(key_of(2), producer(2, 400_000))["x"][-1] == 2
    assert ages(store) == [2]


@pytest.fixture
def without_fallocate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_fallocate")


def test_without_fallocate_space_is_reserved_by_writing_zeros(
    small_disk: Path, without_fallocate: None
) -> None:
    store = ArrayStore(small_disk / "store", max_bytes=100 * MB)
    for number in range(5):
        assert (store.get(key_of(number), producer(number, 300_000))["x"] == number).all()
    (small_disk / "of another program").write_bytes(b"x" * 100_000)
    with pytest.raises(StoreFull, match="full disk"):
        store.get(key_of(9), producer(9, 2_000_000))
    assert list((small_disk / "store" / "work").iterdir()) == []


@pytest.mark.parametrize("n_bytes", [1, 4096, 3 * 2**20 + 17])
def test_reserved_zeros_have_the_length_that_was_asked_for(
    tmp_path: Path, without_fallocate: None, n_bytes: int
) -> None:
    with (tmp_path / "x").open("wb") as file:
        reserve_bytes(file, n_bytes)
        assert file.tell() == 0
    assert (tmp_path / "x").read_bytes() == bytes(n_bytes)
    assert (tmp_path / "x").stat().st_blocks * 512 >= n_bytes


def test_macos_is_asked_for_the_space_in_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The layout is that of sys/fcntl.h: two ints, then three 64-bit numbers."""
    asked = []

    def fcntl_of_macos(descriptor: int, command: int, argument: bytes) -> bytes:
        asked.append((command, struct.unpack("=Iiqqq", argument)))
        return argument

    monkeypatch.setattr(fcntl, "fcntl", fcntl_of_macos)
    with (tmp_path / "x").open("wb") as file:
        preallocate_on_macos(file, 5000)
    assert asked == [(42, (4, 3, 0, 5000, 0))]
    assert (tmp_path / "x").read_bytes() == bytes(5000)


def test_a_sparse_map_on_that_disk_would_have_been_killed(small_disk: Path) -> None:
    """Why space is reserved: numpy's own memory map dies of SIGBUS on the same disk."""
    code = (
        "import sys; import numpy as np\n"
        "np.lib.format.open_memmap(sys.argv[1], 'w+', np.uint8, (4_000_000,))[:] = 1\n"
    )
    done = start([code, str(small_disk / "x.npy")])
    done.communicate()
    assert done.returncode == -7


def test_a_folder_that_can_not_be_made_gives_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"can't be written: Not a directory.*FOLDSWEEP_HOME"):
        ArrayStore(tmp_path / "file" / "store", max_bytes=MB)


def test_a_cap_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        ArrayStore(tmp_path, max_bytes=0)


def test_a_read_only_folder_can_be_read_and_gives_a_clear_error_for_more(small_disk: Path) -> None:
    folder = small_disk / "store"
    ArrayStore(folder, max_bytes=MB).get(key_of(1), producer(1))
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    store = ArrayStore(folder, max_bytes=MB)
    assert store.get(key_of(1), never)["x"][0] == 1
    assert store.peek(key_of(2)) is None
    with pytest.raises(InputError, match=r"store can't be written: Read-only.*FOLDSWEEP_HOME"):
        store.get(key_of(2), never)


# Removing


def test_a_reader_goes_on_while_its_entry_is_removed(store: ArrayStore) -> None:
    x = store.get(key_of(1), producer(1))["x"]
    freed = store.remove(lambda key: key["view"] == 1)
    assert freed.entries == 1
    assert not store.has(key_of(1))
    np.testing.assert_array_equal(x, np.ones(4000, np.uint8))
    assert store.get(key_of(1), producer(2))["x"][0] == 2
    assert x[0] == 1


def test_removing_takes_what_the_predicate_says(store: ArrayStore) -> None:
    for number in range(4):
        store.get(key_of(number), producer(number))
    size = store.size_bytes()
    freed = store.remove(lambda key: key["view"] in (1, 3))
    assert freed == Freed(2, size - store.size_bytes())
    assert ages(store) == [0, 2]


def test_collecting_keeps_what_is_needed_or_in_use(tmp_path: Path, store: ArrayStore) -> None:
    for number in range(4):
        store.get(key_of(number), producer(number))
    in_use = store.get(key_of(2), never)
    size = store.size_bytes()
    planned = store.collect(lambda key: key["view"] == 1, dry_run=True)
    assert store.size_bytes() == size
    assert planned == store.collect(lambda key: key["view"] == 1)
    assert planned == Freed(2, size - store.size_bytes())
    assert ages(store) == [1, 2]
    assert in_use["x"][0] == 2


def test_collecting_removes_entries_without_a_readable_key(
    tmp_path: Path, store: ArrayStore
) -> None:
    store.get(key_of(1), producer(1))
    lose_the_meta(entry_folder(tmp_path / "store"))
    assert store.entries() == []
    assert store.collect(lambda key: True).entries == 1
    assert files_under(tmp_path) == []


# Processes and threads

KILLED = """
import os, signal, sys
from pathlib import Path
from objectives.store.array_store import ArrayStore
def produce(writer):
    writer.create("x", (4000,), "uint8")[:100] = 9
    os.kill(os.getpid(), signal.SIGKILL)
ArrayStore(Path(sys.argv[1]), max_bytes=10**6).get({"view": 1, "policy": "none"}, produce)
"""

RACER = """
import sys, time
from pathlib import Path
import numpy as np
from objectives.store.array_store import ArrayStore
folder, log, seed = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
store = ArrayStore(folder, max_bytes=10**9)
def produce_of(number):
    def produce(writer):
        with log.open("a") as file:
            file.write(f"{number}\\n")
        x = writer.create("x", (200_000,), "uint8")
        for start in range(0, 200_000, 20_000):
            x[start:start + 20_000] = number
            time.sleep(0.005)
    return produce
print("ready", flush=True)
sys.stdin.readline()
for number in np.random.default_rng(seed).permutation(12):
    x = store.get({"view": int(number), "policy": "none"}, produce_of(number))["x"]
    assert (x == number).all(), number
print("done", store.counts.made, flush=True)
"""


def start(arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", *arguments],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_killed_producer_leaves_nothing_that_is_read(tmp_path: Path) -> None:
    killed = start([KILLED, str(tmp_path)])
    killed.communicate()
    assert killed.returncode == -9
    store = ArrayStore(tmp_path, max_bytes=MB)
    assert store.peek(key_of(1)) is None
    assert store.entries() == []
    assert len(list((tmp_path / "work").iterdir())) == 1
    assert store.get(key_of(1), producer(1))["x"][0] == 1
    assert list((tmp_path / "work").iterdir()) == []


def test_collecting_sweeps_what_a_killed_producer_left(tmp_path: Path) -> None:
    start([KILLED, str(tmp_path)]).communicate()
    store = ArrayStore(tmp_path, max_bytes=MB)
    assert store.collect(lambda key: True, dry_run=True) == Freed(0, 4128)
    assert len(files_under(tmp_path / "work")) == 1
    assert store.collect(lambda key: True) == Freed(0, 4128)
    assert files_under(tmp_path) == []


def test_room_is_made_of_what_a_killed_producer_left_first(tmp_path: Path) -> None:
    start([KILLED, str(tmp_path)]).communicate()
    store = ArrayStore(tmp_path, max_bytes=10_000)
    store.get(key_of(2), producer(2))
    store.get(key_of(3), producer(3))
    assert ages(store) == [2, 3]


def test_collecting_leaves_a_running_producer_alone(tmp_path: Path, store: ArrayStore) -> None:
    def produce(writer: ArrayWriter) -> None:
        x = writer.create("x", (4000,), np.uint8)
        assert store.collect(lambda key: False) == Freed(0, 0)
        x[:] = 5

    assert store.get(key_of(1), produce)["x"].sum() == 20_000


@pytest.mark.slow
def test_four_processes_that_race_and_are_killed_make_each_entry_right_and_once(
    tmp_path: Path,
) -> None:
    log = tmp_path / "made.txt"
    folder = tmp_path / "store"

    def racer(seed: int) -> subprocess.Popen[str]:
        process = start([RACER, str(folder), str(log), str(seed)])
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def go(process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()

    racers = [racer(seed) for seed in range(4)]
    spares = [racer(seed) for seed in range(4, 7)]
    for process in racers:
        go(process)
    n_killed = 0
    for victim, spare in zip(racers[:3], spares, strict=True):
        time.sleep(0.12)
        victim.kill()
        victim.communicate()
        n_killed += victim.returncode == -9
        go(spare)
    outputs = [process.communicate()[0] for process in [racers[3], *spares]]
    assert all(output.startswith("done") for output in outputs)
    assert n_killed >= 1

    store = ArrayStore(folder, max_bytes=1000 * MB)
    for number in range(12):
        assert (store.get(key_of(number), never)["x"] == number).all()
    begun = [int(line) for line in log.read_text().split()]
    assert set(begun) == set(range(12))
    assert len(begun) - 12 <= n_killed  # a kill spoils one production at most
    store.collect(lambda key: True)
    assert list((folder / "work").iterdir()) == []
    assert list((folder / "locks").iterdir()) == []


def test_different_entries_are_made_at_the_same_time(store: ArrayStore) -> None:
    """Each producer waits for the other to have begun: one after the other would never end."""
    meeting = threading.Barrier(2, timeout=10)
    sums: dict[int, int] = {}

    def work(number: int) -> None:
        def produce(writer: ArrayWriter) -> None:
            x = writer.create("x", (10,), np.uint8)
            meeting.wait()
            x[:] = number

        sums[number] = int(store.get(key_of(number), produce)["x"].sum())

    run_threads([threading.Thread(target=work, args=(number,)) for number in (1, 2)])
    assert sums == {1: 10, 2: 20}


def test_threads_that_want_the_same_entry_make_it_once(store: ArrayStore) -> None:
    begun: list[int] = []

    def produce(writer: ArrayWriter) -> None:
        begun.append(1)
        time.sleep(0.1)
        writer.create("x", (10,), np.uint8)[:] = 1

    def work() -> None:
        assert store.get(key_of(1), produce)["x"].sum() == 10

    run_threads([threading.Thread(target=work) for _ in range(8)])
    assert len(begun) == 1
    assert store.counts == StoreCounts(made=1, reused=7)


def test_many_threads_under_a_tight_cap_always_read_what_they_asked_for(tmp_path: Path) -> None:
    store = ArrayStore(tmp_path, max_bytes=30_000)  # room for 6 of the 12
    wrong: list[int] = []

    def work(seed: int) -> None:
        for number in np.random.default_rng(seed).integers(0, 12, 60):
            x = store.get(key_of(int(number)), producer(int(number)))["x"]
            if not (x == number).all():
                wrong.append(int(number))
            del x  # or the last entry is in use while the next is made, too many for the cap

    run_threads([threading.Thread(target=work, args=(seed,)) for seed in range(4)])
    assert wrong == []
    assert store.counts.made + store.counts.reused == 240
    assert store.size_bytes() <= 30_000
    assert list((tmp_path / "work").iterdir()) == []


def run_threads(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
        assert not thread.is_alive()
