"""Names of classes: those of the sweep file, and which texts may be one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from objectives.data import ImageSource, load_source, prepare
from objectives.store.array_store import ArrayStore
from spaces.errors import InputError
from tests.objectives.data.written_data import (
    noisy_images,
    write_class_folders,
    write_csv,
    write_npz,
)

IMAGES = noisy_images(6)
NUMBERS = [0, 1, 2, 0, 1, 2]
# Sorted, the classes are eosinophil, monocyte, platelet.
NAMES = ("platelet", "eosinophil", "monocyte")
SORTED = ("eosinophil", "monocyte", "platelet")
RENUMBERED = [2, 0, 1, 2, 0, 1]


def names_of_rows(source: ImageSource) -> list[str]:
    return [source.class_names[label] for label in source.labels.tolist()]


def source_of(kind: str, folder: Path, class_names: Sequence[str] | None) -> ImageSource:
    """Write the same six images, whose classes are numbers, as one kind of data set."""
    numbers = [str(number) for number in NUMBERS]
    if kind == "numbers":
        return load_source(write_npz(folder, images=IMAGES, labels=NUMBERS), class_names)
    if kind == "one-hot":
        return load_source(write_npz(folder, images=IMAGES, labels=np.eye(3)[NUMBERS]), class_names)
    if kind == "text":
        return load_source(write_npz(folder, images=IMAGES, labels=numbers), class_names)
    write_class_folders(folder / "set", IMAGES, numbers)
    if kind == "folders":
        return load_source(folder / "set", class_names)
    rows = [
        {"path": f"set/{number}/{row:04d}.png", "label": number}
        for row, number in enumerate(numbers)
    ]
    return load_source(write_csv(folder, rows), class_names)


KINDS = ["numbers", "one-hot", "text", "folders", "table"]


@pytest.mark.parametrize("kind", KINDS)
def test_classes_that_have_numbers_alone_get_the_names_of_the_sweep_file(
    tmp_path: Path, kind: str
) -> None:
    source = source_of(kind, tmp_path, NAMES)
    assert source.class_names == SORTED
    numbers = sorted(NUMBERS) if kind == "folders" else NUMBERS
    assert names_of_rows(source) == [NAMES[number] for number in numbers]


def test_names_of_the_sweep_file_count_like_names_of_the_data(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    store = ArrayStore(tmp_path / "store", max_bytes=10**6)
    plain = write_npz(tmp_path, images=IMAGES, labels=NUMBERS)
    given = prepare(load_source(plain, NAMES), 24, store)
    inside = prepare(
        load_source(write_npz(own, images=IMAGES, labels=NUMBERS, class_names=NAMES)), 24, store
    )
    without = prepare(load_source(plain), 24, store)
    assert given.fingerprint == inside.fingerprint != without.fingerprint
    assert given.class_names == inside.class_names == SORTED
    assert given.labels.tolist() == inside.labels.tolist() == RENUMBERED
    assert without.class_names == ("0", "1", "2")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("class_names", "message"),
    [
        (["a", "b"], r"has 2 names.*has the classes '0', '1', '2'"),
        (["a", "b", "c", "d"], r"has 4 names.*has the classes '0', '1', '2'"),
        ([], r"has 0 names"),
        (["a", "b", "a"], r"data\.class_names repeat a name"),
        (["a", "b", ""], r"data\.class_names: the class name '' is empty"),
        (["a", "b", " \t"], r"is empty"),
        (["a", "b", "c\n"], r"'c\\n' has control characters"),
        (["a", "b", "c" * 201], r"has 201 characters"),
    ],
)
def test_a_list_that_does_not_name_each_class_once_is_refused(
    tmp_path: Path, kind: str, class_names: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        source_of(kind, tmp_path, class_names)


def test_numbers_with_gaps_are_not_named_by_their_rank(tmp_path: Path) -> None:
    path = write_npz(tmp_path, images=IMAGES, labels=[2, 2, 7, 7, 10, 10])
    with pytest.raises(InputError, match=r"from 0 to 2, but .* has the classes '2', '7', '10'"):
        load_source(path, NAMES)


def test_data_with_names_of_its_own_takes_the_same_names_alone(tmp_path: Path) -> None:
    path = write_npz(tmp_path, images=IMAGES, labels=NUMBERS, class_names=NAMES)
    assert load_source(path, NAMES).class_names == SORTED
    for other in (SORTED, ("a", "b", "c"), NAMES[:2]):
        with pytest.raises(InputError, match=r"names of its own, 'platelet', 'eosinophil'"):
            load_source(path, other)
    folder = write_class_folders(tmp_path / "set", IMAGES, [NAMES[number] for number in NUMBERS])
    assert load_source(folder, SORTED).class_names == SORTED
    with pytest.raises(InputError, match=r"names of its own, 'eosinophil', 'monocyte'"):
        load_source(folder, NAMES)


GOOD = ["a(b)", "50%", "cat, dog", "50% (a/b): c=d; #1 'x' \"y\"", "ünï 細胞 🦠", "x" * 200, "-1"]


@pytest.mark.parametrize("name", GOOD)
def test_any_text_on_one_line_is_a_name(tmp_path: Path, name: str) -> None:
    names = ["other", name, "third"]
    path = write_npz(tmp_path, images=IMAGES, labels=NUMBERS, class_names=names)
    data = prepare(load_source(path), 24, ArrayStore(tmp_path / "store", max_bytes=10**6))
    assert data.class_names == tuple(sorted(names))
    assert names_of_rows(load_source(path)) == names * 2


BAD = ["", "   ", "two\nlines", "a\ttab", "\x1b[31mred", "a\u2028b", "\x7f", "x" * 201]


@pytest.mark.parametrize("name", BAD)
def test_a_text_that_cannot_be_shown_on_one_line_is_no_name(tmp_path: Path, name: str) -> None:
    names = ["other", name, "third"]
    path = write_npz(tmp_path, images=IMAGES, labels=NUMBERS, class_names=names)
    with pytest.raises(InputError, match="the class name") as raised:
        load_source(path)
    assert str(raised.value).isprintable()
    path = write_npz(tmp_path, images=IMAGES, labels=[names[number] for number in NUMBERS])
    with pytest.raises(InputError, match="the class name"):
        load_source(path)


def test_a_table_may_hold_commas_in_quotes_but_no_line_ends_in_a_label(tmp_path: Path) -> None:
    write_class_folders(tmp_path, IMAGES[:2], ["x", "y"])
    rows = '"x/0000.png","cat, dog"\n"y/0001.png","50%"\n'
    (tmp_path / "set.csv").write_text(f"path,label\n{rows}", encoding="utf-8")
    assert load_source(tmp_path / "set.csv").class_names == ("50%", "cat, dog")
    for letters in ("\n", "\0", "\r", "\x07"):
        changed = rows.replace("cat, dog", f"cat{letters}dog")
        (tmp_path / "set.csv").write_text(f"path,label\n{changed}", encoding="utf-8")
        with pytest.raises(InputError, match="control characters"):
            load_source(tmp_path / "set.csv")


def test_class_names_of_the_wrong_kind_are_told(tmp_path: Path) -> None:
    path = write_npz(tmp_path, images=IMAGES, labels=NUMBERS, class_names=[b"a", b"\xff", b"c"])
    with pytest.raises(InputError, match="bytes that are not UTF-8"):
        load_source(path)
    path = write_npz(tmp_path, images=IMAGES, labels=NUMBERS, class_names=[b"a", b"b", b"c"])
    assert load_source(path).class_names == ("a", "b", "c")
