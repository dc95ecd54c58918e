"""Folds and holdout: groups stay together, and names or contents decide what is held out."""

import hashlib
import itertools
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from objectives.records import LabelledImages, Splits
from objectives.splits import (
    choose_holdout,
    draw_splits,
    hash_folds,
    splits_from_bytes,
    splits_to_bytes,
    thin_holdout,
)
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


def _place(salt: str, text: str) -> float:
    """Read the first 48 bits of a SHA-256 as a number in [0, 1)."""
    return int(hashlib.sha256(f"{salt}{text}".encode()).hexdigest()[:12], 16) / 2**48


def test_a_group_is_placed_by_its_name_and_without_one_by_its_smallest_content() -> None:
    data = make_data(np.arange(400) % 2)
    groups = np.arange(400) // 4
    names = [f"patient {group}" if group % 2 else "" for group in groups.tolist()]
    held_out = choose_holdout(data.content_hashes, groups, 0.3, names)
    for group in range(100):
        members = np.flatnonzero(groups == group).tolist()
        place = (
            _place("foldsweep holdout 2, by name\n", f"patient {group}")
            if group % 2
            else _place("foldsweep holdout 1\n", min(data.content_hashes[row] for row in members))
        )
        assert held_out[members].tolist() == [place < 0.3] * 4
    assert 0.2 < held_out.mean() < 0.4


def test_a_patient_stays_where_it_is_when_pictures_of_it_are_added() -> None:
    before, after = make_data(np.arange(300) % 2), make_data(np.arange(600) % 2)
    names = [f"patient {row % 30}" for row in range(600)]
    groups = np.arange(600) % 30
    first = choose_holdout(before.content_hashes, groups[:300], 0.3, names[:300])
    second = choose_holdout(after.content_hashes, groups, 0.3, names)
    np.testing.assert_array_equal(second[:300], first)
    by_content = [
        choose_holdout(data.content_hashes, groups[: len(data.labels)], 0.3)[:300]
        for data in (before, after)
    ]
    assert (by_content[0] != by_content[1]).any()


def test_copies_that_two_patients_share_are_held_out_together() -> None:
    data = make_data(np.arange(300) % 2)
    names = [f"patient {row // 3}" for row in range(300)]
    # A copy joins each patient with the next.
    groups = np.arange(300) // 6
    held_out = choose_holdout(data.content_hashes, groups, 0.3, names)
    for group in range(50):
        assert len(set(held_out[groups == group].tolist())) == 1
    assert 0 < held_out.mean() < 1


def test_classes_of_which_few_pictures_are_held_out_are_counted() -> None:
    labels = np.repeat([0, 1, 2], [200, 20, 30])
    data = make_data(labels)
    held_out = np.r_[0:15, 200:203]
    splits = replace(_splits(), rows=np.setdiff1d(np.arange(250), held_out), holdout_rows=held_out)
    assert thin_holdout(data, splits) == {"class 1": 3, "class 2": 0}
    assert thin_holdout(data, replace(splits, holdout_rows=held_out[:0])) == {}


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


def test_other_groups_give_another_hash_even_where_folds_and_holdout_are_the_same() -> None:
    splits = _splits()
    known = splits.rows, splits.fold_of, splits.holdout_rows
    assert hash_folds(*known, splits.groups) == splits.fold_hash
    assert hash_folds(*known, np.arange(100)) != splits.fold_hash


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


def _splits(n_rows: int = 100) -> Splits:
    data = make_data(np.arange(n_rows) % 2)
    rows = np.arange(n_rows)
    return draw_splits(data, included=rows[3:], groups=rows // 2, holdout=0.1, n_folds=5, seed=0)


def _assert_same(one: Splits, other: Splits) -> None:
    for name in ("rows", "fold_of", "holdout_rows", "groups"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.fold_hash == other.fold_hash


def test_stored_splits_come_back_with_the_groups_of_all_rows() -> None:
    splits = _splits()
    np.testing.assert_array_equal(splits.groups, np.arange(100) // 2)
    _assert_same(splits_from_bytes(splits_to_bytes(splits)), splits)


def test_stored_splits_with_any_byte_damaged_are_refused_or_unharmed() -> None:
    splits = _splits(40)
    content = splits_to_bytes(splits)
    refused = 0
    for place, byte in itertools.product(range(len(content)), (1, 8, 255)):
        damaged = content[:place] + bytes([content[place] ^ byte]) + content[place + 1 :]
        try:
            _assert_same(splits_from_bytes(damaged), splits)
        except InputError:
            refused += 1
    assert refused > len(content)
    for end in range(len(content)):
        with pytest.raises(InputError, match="cannot be used"):
            splits_from_bytes(content[:end])


@pytest.mark.parametrize("name", ["rows", "fold_of", "holdout_rows", "groups"])
def test_splits_that_were_changed_after_they_were_hashed_are_refused(name: str) -> None:
    splits = _splits()
    other = replace(splits, **{name: getattr(splits, name) + 1})
    with pytest.raises(InputError, match="don't match their hash"):
        splits_from_bytes(splits_to_bytes(other))


def test_arrays_that_cannot_be_pickled_out_are_refused_unread() -> None:
    content = BytesIO()
    np.savez(content, rows=np.array([object()], dtype=object))
    with pytest.raises(InputError, match="cannot be used"):
        splits_from_bytes(content.getvalue())


def test_kin_are_all_rows_of_the_groups_of_some_the_excluded_ones_too() -> None:
    splits = _splits()
    assert splits.kin(np.array([7, 3, 2])).tolist() == [2, 3, 6, 7]
    assert splits.kin(np.array([], dtype=np.int64)).tolist() == []
    assert splits.kin(splits.rows[:1]).tolist()[0] < 3
