"""What is set aside: whole groups, by content alone, and every look at them counted."""

import hashlib
from pathlib import Path

import numpy as np
from scipy.stats import binom

from bench.cells import Cells, generate_cells
from bench.score.set_aside import SetAside, choose_aside, divide, note_look
from objectives.splits import choose_holdout

HASHES = tuple(hashlib.sha256(f"image {number}".encode()).hexdigest() for number in range(2000))
ALONE = np.arange(len(HASHES))


def test_a_group_is_set_aside_as_a_whole_in_any_order_of_its_rows() -> None:
    groups = ALONE // 4
    aside = choose_aside(HASHES, groups, 0.2)
    assert all(len(set(aside[groups == group].tolist())) == 1 for group in range(500))
    order = np.random.default_rng(0).permutation(len(HASHES))
    shuffled = choose_aside([HASHES[row] for row in order], groups[order], 0.2)
    np.testing.assert_array_equal(shuffled, aside[order])


def test_about_the_share_that_was_asked_for_is_set_aside() -> None:
    low, high = binom.interval(0.999, len(HASHES), 0.2)
    assert low <= choose_aside(HASHES, ALONE, 0.2).sum() <= high


def test_what_is_set_aside_tells_nothing_of_what_a_sweep_holds_out() -> None:
    aside = choose_aside(HASHES, ALONE, 0.2)
    held_out = choose_holdout(HASHES, ALONE, 0.15)
    low, high = binom.interval(0.999, int(aside.sum()), 0.15)
    assert low <= (aside & held_out).sum() <= high


def test_every_image_is_in_one_of_both_parts(tmp_path: Path) -> None:
    cells = generate_cells(64, 16)
    divided = divide(cells, 0.25, tmp_path)
    aside = SetAside.open(divided.aside)
    with np.load(divided.train) as train:
        both = np.concatenate([train["images"], aside.images])
        labels = np.concatenate([train["labels"], aside.labels])
    assert 0 < len(aside.labels) < 64
    assert _as_set(both, labels) == _as_set(cells.images, cells.labels)
    assert aside.n_classes == 8


def test_copies_of_one_image_are_never_divided(tmp_path: Path) -> None:
    once = generate_cells(32, 16)
    twice = Cells(once.images.repeat(2, axis=0), once.labels.repeat(2), "copies")
    aside = SetAside.open(divide(twice, 0.5, tmp_path).aside)
    _, counts = np.unique(aside.images.reshape(len(aside.images), -1), axis=0, return_counts=True)
    assert (counts == 2).all()
    assert len(np.unique(aside.groups)) == len(counts)


def test_looks_are_counted_for_the_same_images_alone(tmp_path: Path) -> None:
    looks = tmp_path / "looks.jsonl"
    ours = _open(generate_cells(8, 16))
    other = _open(generate_cells(9, 16))
    assert [note_look(looks, ours, {"models": 3}) for _ in range(2)] == [1, 2]
    assert note_look(looks, other, {"models": 3}) == 1
    assert note_look(looks, ours, {"models": 3}) == 3


def _open(cells: Cells) -> SetAside:
    return SetAside(cells.images, cells.labels, np.arange(len(cells.labels)), 8)


def _as_set(images: np.ndarray, labels: np.ndarray) -> set[tuple[bytes, int]]:
    return {(i.tobytes(), int(label)) for i, label in zip(images, labels, strict=True)}
