"""Folds and holdout: groups stay together, and content alone decides what is held out."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from objectives.records import LabelledImages
from objectives.splits import choose_holdout, draw_splits, hash_folds, load_splits, save_splits
from spaces.errors import InputError


def make_data(labels: np.ndarray, salt: int = 0) -> LabelledImages:
    hashes = [hashlib.sha256(f"{salt} {row}".encode()).hexdigest() for row in range(len(labels))]
    return LabelledImages(
        images=np.zeros((len(labels), 16, 16, 3), np.uint8),
        labels=labels.astype(np.int64),
        class_names=tuple(f"class {label}" for label in range(int(labels.max()) + 1)),
        content_hashes=tuple(hashes),
        fingerprint="",
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[LabelledImages, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n_rows = draw(st.integers(80, 200))
    data = make_data(rng.integers(0, 3, n_rows), draw(st.integers(0, 1000)))
    groups = rng.integers(0, draw(st.integers(40, 400)), n_rows)
    included = np.flatnonzero(rng.random(n_rows) < 0.9)
    return data, groups, included


@settings(max_examples=30, deadline=None)
@given(case=cases(), seed=st.integers(0, 2**31), n_folds=st.integers(2, 4))
def test_every_row_is_in_one_place_and_groups_never_straddle(
    case: tuple[LabelledImages, np.ndarray, np.ndarray], seed: int, n_folds: int
) -> None:
    data, groups, included = case
    try:
        splits = draw_splits(
            data, included=included, groups=groups, holdout=0.2, n_folds=n_folds, seed=seed
        )
    except InputError:
        assume(False)
    together = np.concatenate([splits.rows, splits.holdout_rows])
    assert sorted(together.tolist()) == included.tolist()
    assert (np.diff(splits.rows) > 0).all()
    assert splits.n_folds == n_folds
    places = dict(zip(splits.rows.tolist(), splits.fold_of.tolist(), strict=True))
    places |= dict.fromkeys(splits.holdout_rows.tolist(), -1)
    for group in np.unique(groups[included]):
        assert len({places[row] for row in included[groups[included] == group].tolist()}) == 1


@settings(max_examples=20, deadline=None)
@given(case=cases(), seeds=st.tuples(st.integers(0, 999), st.integers(0, 999)))
def test_the_holdout_depends_on_neither_seed_nor_folds(
    case: tuple[LabelledImages, np.ndarray, np.ndarray], seeds: tuple[int, int]
) -> None:
    data, groups, included = case
    try:
        first, second = (
            draw_splits(
                data, included=included, groups=groups, holdout=0.2, n_folds=n_folds, seed=seed
            )
            for n_folds, seed in zip((2, 3), seeds, strict=True)
        )
    except InputError:
        assume(False)
    np.testing.assert_array_equal(first.holdout_rows, second.holdout_rows)


def test_the_holdout_follows_contents_to_other_rows_and_grows_with_its_share() -> None:
    data = make_data(np.arange(2000) % 2)
    groups = np.arange(2000) // 2
    held_out = choose_holdout(data.content_hashes, groups, 0.15)
    order = np.random.default_rng(0).permutation(2000)
    moved = tuple(data.content_hashes[row] for row in order)
    np.testing.assert_array_equal(choose_holdout(moved, groups[order] + 7, 0.15), held_out[order])
    assert abs(held_out.mean() - 0.15) < 0.04
    assert (choose_holdout(data.content_hashes, groups, 0.3) >= held_out).all()
    assert not choose_holdout(data.content_hashes, groups, 0.0).any()


def test_excluding_members_of_a_group_does_not_move_the_others() -> None:
    data = make_data(np.arange(400) % 2)
    groups = np.arange(400) // 4
    settings_of_all = {"groups": groups, "holdout": 0.2, "n_folds": 3, "seed": 0}
    every = draw_splits(data, included=np.arange(400), **settings_of_all)  # type: ignore[arg-type]
    some = draw_splits(data, included=np.arange(0, 400, 3), **settings_of_all)  # type: ignore[arg-type]
    assert set(some.holdout_rows.tolist()) <= set(every.holdout_rows.tolist())


def test_folds_are_as_stratified_as_the_counts_allow() -> None:
    labels = np.repeat([0, 1, 2], [500, 100, 30])
    data = make_data(labels)
    splits = draw_splits(
        data, included=np.arange(630), groups=np.arange(630), holdout=0.0, n_folds=5, seed=1
    )
    for label, expected in ((0, 100), (1, 20), (2, 6)):
        counts = np.bincount(splits.fold_of[labels[splits.rows] == label], minlength=5)
        assert np.abs(counts - expected).max() <= 1


def test_another_seed_gives_other_folds_and_another_hash_and_the_same_seed_the_same() -> None:
    data = make_data(np.arange(100) % 2)
    drawn = [
        draw_splits(
            data, included=np.arange(100), groups=np.arange(100), holdout=0.1, n_folds=5, seed=seed
        )
        for seed in (0, 0, 1)
    ]
    assert drawn[0].fold_hash == drawn[1].fold_hash != drawn[2].fold_hash


def test_a_class_with_fewer_images_or_groups_than_folds_is_named() -> None:
    labels = np.repeat([0, 1], [50, 4])
    data = make_data(labels)
    rows = np.arange(54)
    with pytest.raises(InputError, match=r"class 'class 1' has 4 images after .* the 5 folds"):
        draw_splits(data, included=rows, groups=rows, holdout=0.0, n_folds=5, seed=0)
    labels[40:] = 1
    groups = np.minimum(rows, 42)
    with pytest.raises(InputError, match=r"class 'class 1' has 14 images in only 3 groups"):
        draw_splits(make_data(labels), included=rows, groups=groups, holdout=0, n_folds=5, seed=0)


def test_pictures_that_cannot_be_decoded_are_refused_by_row() -> None:
    data = make_data(np.arange(40) % 2)
    hashes = tuple("" if row in (3, 8) else text for row, text in enumerate(data.content_hashes))
    broken = LabelledImages(data.images, data.labels, data.class_names, hashes, "")
    rows = np.arange(40)
    with pytest.raises(InputError, match=r"2 images cannot be decoded, in rows 3, 8; set"):
        draw_splits(broken, included=rows, groups=rows, holdout=0.1, n_folds=3, seed=0)


def test_a_holdout_without_a_row_is_refused() -> None:
    data = make_data(np.arange(40) % 2)
    rows = np.arange(40)
    with pytest.raises(InputError, match="holds out none of 40 groups"):
        draw_splits(data, included=rows, groups=rows, holdout=1e-9, n_folds=3, seed=0)


def test_saved_splits_come_back_and_damage_is_noticed(tmp_path: Path) -> None:
    data = make_data(np.arange(100) % 2)
    rows = np.arange(100)
    splits = draw_splits(data, included=rows, groups=rows, holdout=0.1, n_folds=5, seed=0)
    path = tmp_path / "sweep" / "splits.npz"
    save_splits(splits, path)
    assert [entry.name for entry in path.parent.iterdir()] == ["splits.npz"]
    loaded = load_splits(path)
    np.testing.assert_array_equal(loaded.rows, splits.rows)
    np.testing.assert_array_equal(loaded.fold_of, splits.fold_of)
    np.testing.assert_array_equal(loaded.holdout_rows, splits.holdout_rows)
    assert loaded.fold_hash == hash_folds(splits.rows, splits.fold_of, splits.holdout_rows)
    content = path.read_bytes()
    path.write_bytes(content[:-50])
    with pytest.raises(InputError, match="cannot be used"):
        load_splits(path)
    np.savez(path, rows=rows, fold_of=rows % 5, holdout_rows=rows[:0], fold_hash="0")
    with pytest.raises(InputError, match="don't match their hash"):
        load_splits(path)
    with pytest.raises(InputError, match="cannot be used"):
        load_splits(tmp_path / "nowhere.npz")
