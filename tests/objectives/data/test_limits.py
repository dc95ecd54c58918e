"""What data claims of its size is believed only as far as memory goes."""

import io
import os
import struct
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from objectives.data import UnreadableImageError, archive, load_source
from objectives.data.decoding import decode_file
from objectives.data.pixels import BAND_PIXELS, PixelBudget
from objectives.data.resizing import resize
from objectives.data.values import ValueRange, to_rgb
from spaces.errors import InputError
from tests.objectives.data.written_data import (
    noisy_images,
    write_class_folders,
    write_csv,
    write_npz,
)

IMAGES = noisy_images(6)
NUMBERS = [0, 0, 1, 1, 2, 2]
MEASURE = (
    "import resource, sys; from pathlib import Path\n"
    "from objectives.data import load_source, prepare\n"
    "from objectives.store.array_store import ArrayStore\n"
    "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
    "before = peak(); folder = Path(sys.argv[1])\n"
    "try:\n"
    "    source = load_source(folder / sys.argv[2])\n"
    "    prepare(source, 32, ArrayStore(folder / 'store', max_bytes=10**6))\n"
    "    print('prepared')\n"
    "except Exception as error: print(type(error).__name__, error)\n"
    "print((peak() - before) * (1 if sys.platform == 'darwin' else 1024))\n"
)


def memory_for(folder: Path, name: str) -> tuple[str, int]:
    """Prepare a data set in another process; what it said, and its bytes at most."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(folder), name],
        capture_output=True,
        text=True,
        check=True,
    )
    said, n_bytes = done.stdout.splitlines()
    return said, int(n_bytes)


# Pictures


def test_a_small_file_of_a_hundred_megapixels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.new("1", (9995, 9995)).save(path)
    assert path.stat().st_size < 100_000
    with (
        pytest.warns(Image.DecompressionBombWarning),
        pytest.raises(UnreadableImageError, match=r"9995 x 9995 pixels; at most 64,000,000"),
    ):
        decode_file(path)


def test_a_strip_that_would_be_widened_to_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.new("L", (1, 1_000_000)).save(path)
    with pytest.raises(UnreadableImageError, match=r"65,535 a side"):
        decode_file(path)
    Image.new("L", (1, 65_535), 7).save(path)
    assert (resize(decode_file(path), 32) == 7).all()


def test_an_icon_whose_picture_is_larger_than_it_says_is_refused(tmp_path: Path) -> None:
    png = io.BytesIO()
    Image.new("1", (9000, 9000)).save(png, "PNG")
    directory = struct.pack("<HHH", 0, 1, 1)
    entry = struct.pack("<BBBBHHII", 32, 32, 0, 0, 1, 1, len(png.getvalue()), 22)
    path = tmp_path / "x.ico"
    path.write_bytes(directory + entry + png.getvalue())
    with (
        pytest.warns(UserWarning, match="Image was not the expected size"),
        pytest.raises(UnreadableImageError, match="9000 x 9000 pixels"),
    ):
        decode_file(path)


def test_images_of_an_array_have_the_same_limit(tmp_path: Path) -> None:
    images = np.zeros((2, 1, 70_000), np.uint8)
    with pytest.raises(InputError, match=r"each image of .*set\.npz has 70000 x 1 pixels"):
        load_source(write_npz(tmp_path, images=images, labels=[0, 1]))


@pytest.mark.slow
def test_large_pictures_take_little_memory_however_many_threads_read(tmp_path: Path) -> None:
    """Two at once, each converted in one piece, they took 2 GB."""
    for label in ("a", "b"):
        (tmp_path / "set" / label).mkdir(parents=True)
        Image.new("LA", (6300, 6300), (7, 200)).save(tmp_path / "set" / label / "x.png")
    said, n_bytes = memory_for(tmp_path, "set")
    assert said == "prepared"
    assert n_bytes < 500_000_000


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "LA", "CMYK", "1", "YCbCr"])
def test_a_picture_of_several_bands_is_what_it_is_in_one_piece(tmp_path: Path, mode: str) -> None:
    px = 1200
    assert px * px > BAND_PIXELS
    picture = Image.fromarray(noisy_images(1, px=px)[0])
    picture.putalpha(picture.convert("L"))
    picture = picture.convert("RGB").convert(mode) if mode not in ("RGBA", "LA") else picture
    picture = picture.convert(mode)
    path = tmp_path / "x.tif"
    picture.save(path)
    rgba = picture.convert("RGBA")
    whole = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    expected = whole if mode in ("RGBA", "LA") else picture.convert("RGB")
    np.testing.assert_array_equal(decode_file(path), np.asarray(expected))


@pytest.mark.parametrize(("top", "scale"), [(1.0, 255.0), (255.0, 1.0)])
def test_what_floats_mean_is_decided_by_all_bands(tmp_path: Path, top: float, scale: float) -> None:
    values = np.full((1200, 1200), 0.2, np.float32)
    values[-1, -1] = top
    Image.fromarray(values).save(tmp_path / "x.tif")
    decoded = decode_file(tmp_path / "x.tif")
    assert (decoded[:-1] == np.rint(np.float32(0.2) * scale)).all()
    assert (decoded[-1, -1] == 255).all()


@pytest.mark.parametrize("size", [(1200, 1100), (4000, 300), (300, 4000), (2000, 32)])
def test_a_large_picture_is_resized_as_pillow_does_in_one_piece(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    channels = [
        np.asarray(
            Image.fromarray(image[..., channel].astype(np.float32)).resize(
                (32, 32), Image.Resampling.BILINEAR
            )
        )
        for channel in range(3)
    ]
    expected = np.rint(np.stack(channels, axis=-1))
    np.testing.assert_array_equal(resize(image, 32), expected)


@pytest.mark.parametrize(("value_range", "scale"), [("unit", 255.0), ("byte", 1.0)])
def test_an_array_image_of_several_bands_is_what_it_is_in_one_piece(
    value_range: ValueRange, scale: float
) -> None:
    image = np.random.default_rng(0).random((1200, 1200)) * 255 / scale
    expected = np.rint(image * scale).astype(np.uint8)
    np.testing.assert_array_equal(to_rgb(image, value_range), np.stack([expected] * 3, axis=-1))


def test_threads_hold_no_more_pixels_together_than_there_may_be() -> None:
    budget = PixelBudget(100)
    held = most = 0
    lock = threading.Lock()

    def hold(n_pixels: int) -> None:
        nonlocal held, most
        with budget.taken(n_pixels):
            with lock:
                held += n_pixels
                most = max(most, held)
            time.sleep(0.002)
            with lock:
                held -= n_pixels

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(hold, [10, 40, 100, 30, 60] * 12))
    assert held == 0
    assert 60 < most <= 100


def test_a_picture_that_cannot_be_read_gives_its_pixels_back(tmp_path: Path) -> None:
    Image.new("RGB", (7000, 9000)).save(tmp_path / "x.jpg")
    whole = (tmp_path / "x.jpg").read_bytes()
    (tmp_path / "x.jpg").write_bytes(whole[: len(whole) // 2])
    for _ in range(2):
        with pytest.raises(UnreadableImageError, match="truncated"):
            decode_file(tmp_path / "x.jpg")


# Files that are none


@pytest.mark.timeout(20)
def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    for name in ("x.png", "x.npz", "x.csv"):
        os.mkfifo(tmp_path / name)
    with pytest.raises(UnreadableImageError, match="it is no file"):
        decode_file(tmp_path / "x.png")
    for name in ("x.npz", "x.csv"):
        with pytest.raises(InputError, match="no data set that can be read"):
            load_source(tmp_path / name)


def test_pipes_folders_and_loops_that_are_called_pictures_are_passed_over(tmp_path: Path) -> None:
    write_class_folders(tmp_path, IMAGES[:2], ["cat", "dog"])
    os.mkfifo(tmp_path / "cat" / "pipe.png")
    (tmp_path / "cat" / "folder.png").mkdir()
    (tmp_path / "cat" / "loop.png").symlink_to("loop.png")
    (tmp_path / "loop").symlink_to("loop")
    assert len(load_source(tmp_path)) == 2
    with pytest.raises(InputError, match="does not exist"):
        load_source(tmp_path / "loop")
    rows = [{"path": f"cat/{name}.png", "label": name} for name in ("pipe", "folder", "loop")]
    with pytest.raises(InputError, match="3 files that are not there"):
        load_source(write_csv(tmp_path, rows))


def test_folders_whose_names_are_not_utf8_are_named_in_escapes(tmp_path: Path) -> None:
    strange = os.fsdecode(b"caf\xe9")
    write_class_folders(tmp_path / "set", IMAGES[:2], [strange, "dog"])
    with pytest.raises(InputError, match=r"'caf\\udce9'.*not UTF-8") as raised:
        load_source(tmp_path / "set")
    str(raised.value).encode()
    write_class_folders(tmp_path / strange, IMAGES[:2], ["cat", "dog"])
    with pytest.raises(InputError, match=r"caf\\xe9 has bytes that are not UTF-8") as raised:
        load_source(tmp_path / strange)
    str(raised.value).encode()


def test_pictures_whose_names_are_not_utf8_are_read_and_named_in_escapes(tmp_path: Path) -> None:
    write_class_folders(tmp_path, IMAGES[:2], ["cat", "dog"])
    (tmp_path / "cat" / "0000.png").rename(tmp_path / "cat" / os.fsdecode(b"caf\xe9.png"))
    source = load_source(tmp_path)
    assert len(source.stamp()) == 64
    assert source.name(0) == "cat/caf\\xe9.png"
    np.testing.assert_array_equal(source.read(0), IMAGES[0])
    (tmp_path / "cat" / os.fsdecode(b"caf\xe9.png")).write_bytes(b"damaged")
    with pytest.raises(UnreadableImageError) as raised:
        source.read(0)
    str(raised.value).encode()


# Archives


def write_archive(folder: Path, spoil: Callable[[zipfile.ZipFile], None], **arrays: bytes) -> Path:
    """Write an archive of arrays, some as the bytes given, and change it before it is closed."""
    path = folder / "set.npz"
    content = {"images": npy(IMAGES), "labels": npy(np.array(NUMBERS)), **arrays}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in content.items():
            file.writestr(f"{name}.npy", data)
        spoil(file)
    return path


def npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array(content, array)
    return content.getvalue()


def header(shape: str, descr: str = "'<i8'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def as_it_is(file: zipfile.ZipFile) -> None:
    """Change nothing."""


def encrypt(file: zipfile.ZipFile) -> None:
    file.getinfo("labels.npy").flag_bits |= 1


def compress_by_99(file: zipfile.ZipFile) -> None:
    file.getinfo("labels.npy").compress_type = 99


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (header("(1000000000,)"), r"said to have shape \(1000000000,\)"),
        (header("(-2, -3)") + bytes(48), r"said to have shape \(-2, -3\)"),
        (header("(6,)", "'<U0'"), "damaged.*itemsize"),
        (header("(6,)", "[('a', '<i4'), ('b', '<i4')]") + bytes(48), "not one|labels are"),
        (header("(6,)", "'<U1'") + b"\xff" * 24, "letters that are not Unicode"),
        (header("(6,)", "()"), "labels is no array"),
        (header("(6,)", "'<M8[s]'") + bytes(48), "labels are datetime64"),
        (header("(6,)", "'<c16'") + bytes(96), "labels are complex128"),
        (header("-" * 9000 + "6"), "labels is no array"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b" " * 100_000, "labels is no array"),
        (b"", "labels is no array"),
    ],
)
def test_labels_that_are_not_what_they_say_are_refused(
    tmp_path: Path, labels: bytes, message: str
) -> None:
    with pytest.raises(InputError, match=message) as raised:
        load_source(write_archive(tmp_path, as_it_is, labels=labels))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("spoil", [encrypt, compress_by_99])
def test_an_archive_that_python_cannot_unpack_is_refused(
    tmp_path: Path, spoil: Callable[[zipfile.ZipFile], None]
) -> None:
    with pytest.raises(InputError, match="is damaged"):
        load_source(write_archive(tmp_path, spoil))


def test_an_archive_with_a_byte_changed_is_read_or_refused(tmp_path: Path) -> None:
    whole = write_archive(tmp_path, as_it_is).read_bytes()
    draws = np.random.default_rng(0)
    path = tmp_path / "changed.npz"
    refused = 0
    for _ in range(400):
        changed = bytearray(whole)
        changed[draws.integers(len(whole))] = draws.integers(256)
        path.write_bytes(changed)
        try:
            load_source(path).read(0)
        except InputError:
            refused += 1
    assert refused > 100


@pytest.mark.slow
def test_labels_for_more_images_than_there_are_are_not_read(tmp_path: Path) -> None:
    """600 MB of labels in half a megabyte; a larger file of the kind took all memory."""
    labels = header("(75000000,)") + bytes(600_000_000)
    write_archive(tmp_path, as_it_is, labels=labels)
    del labels
    said, n_bytes = memory_for(tmp_path, "set.npz")
    assert said.startswith("InputError")
    assert "6 images but 75000000 labels" in said
    assert n_bytes < 100_000_000


def test_more_names_or_one_hot_classes_than_images_are_not_read(tmp_path: Path) -> None:
    names = header("(7,)", "'<U1'") + bytes(28)
    with pytest.raises(InputError, match="7 class_names but 6 images"):
        load_source(write_archive(tmp_path, as_it_is, class_names=names))
    one_hot = npy(np.eye(6, 7))
    with pytest.raises(InputError, match="one-hot for 7 classes, but there are 6 images"):
        load_source(write_archive(tmp_path, as_it_is, labels=one_hot))


def test_arrays_beside_the_images_have_a_largest_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "LARGEST_MEMBER_BYTES", 100)
    groups = npy(np.array(["a long name of a group"] * 6))
    with pytest.raises(InputError, match=r"groups takes .* GB; at most"):
        load_source(write_archive(tmp_path, as_it_is, groups=groups))


# Tables


@pytest.mark.timeout(60)
def test_a_table_of_a_million_columns_is_read_in_seconds(tmp_path: Path) -> None:
    write_class_folders(tmp_path, IMAGES[:2], ["cat", "dog"])
    more = "".join(f",c{number}" for number in range(1_000_000))
    rows = "cat/0000.png,cat\ndog/0001.png,dog\n"
    (tmp_path / "set.csv").write_text(f"path,label{more}\n{rows}")
    started = time.monotonic()
    assert load_source(tmp_path / "set.csv").class_names == ("cat", "dog")
    assert time.monotonic() - started < 10
    (tmp_path / "set.csv").write_text(f"file,label{more}\n{rows}")
    with pytest.raises(InputError, match="no column 'path'") as raised:
        load_source(tmp_path / "set.csv")
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label,path \na.png,cat,b.png\n", "the column 'path' stands twice"),
        ("path,label\na.png,cat,dog\n", "row 0 has 3 fields, the header 2"),
        ("path,label\n\0.png,cat\n", r"1 files that are not there: '.*\\x00\.png'"),
        ("path,label\n" + "a" * 200_000 + ",cat\n", "field larger than"),
        (",\n", "it has no header"),
        ("\n", "it has no header"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "set.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        load_source(tmp_path / "set.csv")


def test_short_rows_and_empty_fields_at_the_end_are_as_if_filled_with_nothing(
    tmp_path: Path,
) -> None:
    write_class_folders(tmp_path, IMAGES[:3], ["cat", "dog", "dog"])
    rows = "cat/0000.png,cat,g\ndog/0001.png,dog\n\ndog/0002.png,dog,g,,\n"
    (tmp_path / "set.csv").write_text(f"path,label,group\n{rows}")
    groups = load_source(tmp_path / "set.csv").groups
    assert groups is not None
    assert groups[0] == groups[2] != groups[1]
