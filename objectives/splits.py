"""Which rows are held out, and which validate together: drawn once a sweep, stored, hashed.

The holdout is chosen by what the data are, not by chance: a group is held out if a salted SHA-256,
read as a number in [0, 1), is below the share to hold out. It is that of the first name, in the
order of texts, that the user gave to any of its rows (a patient stays where it is when pictures of
it are added), and where there is none, of the group's smallest content hash. So every sweep on
these images, whatever its seed, folds or excluded rows, holds out the same ones, and a larger share
holds out more, not others.

Folds are scikit-learn's ``StratifiedGroupKFold`` over the rest (about 25 s for 100,000 groups).
"""

import hashlib
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from objectives.data.content import UNREADABLE
from objectives.records import LabelledImages, RowArray, Splits
from spaces.errors import InputError

# Data without names of groups hold out what they did when content alone decided.
_SALT_OF_NAMES = b"foldsweep holdout 2, by name\n"
_SALT_OF_CONTENTS = b"foldsweep holdout 1\n"
_FEW_IMAGES = 10
# What zipfile, zlib and numpy raise over bytes that some other bit pattern than ours has got into.
_NO_ARCHIVE = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)
_ARRAYS = ("rows", "fold_of", "holdout_rows", "groups")


def draw_splits(
    data: LabelledImages,
    *,
    included: RowArray,
    groups: RowArray,
    holdout: float,
    n_folds: int,
    seed: int,
    group_names: Sequence[str] | None = None,
) -> Splits:
    """Hold out whole groups by name or content, and deal the others into stratified folds.

    Args:
        data: Labels and content hashes of all rows.
        included: The rows to use, in any order, without repetition.
        groups: The group of each row of the data, shape ``(rows,)``; groups stay together.
        holdout: Share of the groups to hold out, from 0 to below 1.
        n_folds: At least 2.
        seed: Of the folds; the holdout does not depend on it.
        group_names: What the user calls the group of each row of the data, empty for none.

    Raises:
        InputError: If an included picture cannot be decoded, nothing would be held out, or a
            class has fewer images or groups than there are folds.
    """
    included = np.sort(included)
    _check_readable(data, included)
    held_out = choose_holdout(data.content_hashes, groups, holdout, group_names)[included]
    if holdout > 0 and not held_out.any():
        n_groups = len(np.unique(groups[included]))
        raise InputError(
            f"data.holdout = {holdout} holds out none of {n_groups} groups of images; raise it, "
            "add images, or set it to 0 and do without promotion."
        )
    rows = included[~held_out]
    _check_classes(data, rows, groups, n_folds)
    fold_of = _deal(data.labels[rows], groups[rows], n_folds, seed)
    _check_folds(data, rows, fold_of, n_folds)
    holdout_rows = included[held_out]
    fold_hash = hash_folds(rows, fold_of, holdout_rows, groups)
    return Splits(rows, fold_of, holdout_rows, groups, fold_hash)


def choose_holdout(
    content_hashes: tuple[str, ...],
    groups: RowArray,
    holdout: float,
    group_names: Sequence[str] | None = None,
) -> npt.NDArray[np.bool_]:
    """Say which rows are held out, from names, contents and groups alone.

    Args:
        content_hashes: Of all rows of the data, excluded ones too, so that excluding some members
            of a group does not move the others.
        groups: The group of each row, shape ``(rows,)``. Copies join what the user keeps apart, so
            one group may have several names.
        holdout: Share of the groups to hold out.
        group_names: What the user calls the group of each row, empty for none.

    Returns:
        True for rows that are held out, shape ``(rows,)``.
    """
    names = group_names or [""] * len(content_hashes)
    # A name decides before any content, and "~", of pictures that cannot be decoded, after it.
    keys = [
        (_SALT_OF_NAMES, name) if name else (_SALT_OF_CONTENTS, content or "~")
        for name, content in zip(names, content_hashes, strict=True)
    ]
    first: dict[int, tuple[bytes, str]] = {}
    for group, key in zip(groups.tolist(), keys, strict=True):
        first[group] = min(key, first.get(group, key), key=_precedence)
    is_out = {group: _draw_number(*key) < holdout for group, key in first.items()}
    return np.array([is_out[group] for group in groups.tolist()], dtype=bool)


def thin_holdout(data: LabelledImages, splits: Splits) -> dict[str, int]:
    """Count the held-out images of each class that has too few for its scores to say much.

    Returns:
        Class names to counts below ten; empty where nothing is held out.
    """
    if not len(splits.holdout_rows):
        return {}
    counts = {name: len(members) for name, members in _members(data, splits.holdout_rows)}
    return {name: count for name, count in counts.items() if count < _FEW_IMAGES}


def hash_folds(rows: RowArray, fold_of: RowArray, holdout_rows: RowArray, groups: RowArray) -> str:
    """Return the SHA-256 of which row is where, and of which rows belong together."""
    digest = hashlib.sha256()
    for values in (rows, fold_of, holdout_rows, groups):
        digest.update(f"{len(values)}\n".encode())
        digest.update(np.ascontiguousarray(values, dtype="<i8").tobytes())
    return digest.hexdigest()


def splits_to_bytes(splits: Splits) -> bytes:
    """Give splits as they are stored: a compressed ``.npz`` of the four arrays and their hash."""
    content = BytesIO()
    arrays = {name: getattr(splits, name) for name in _ARRAYS}
    np.savez_compressed(content, **arrays, fold_hash=np.array(splits.fold_hash))
    return content.getvalue()


def splits_from_bytes(content: bytes) -> Splits:
    """Read stored splits, and check that they are those that were written.

    Raises:
        InputError: If they are damaged.
    """
    try:
        with np.load(BytesIO(content), allow_pickle=False) as archive:
            rows, fold_of, holdout_rows, groups = (_whole(archive[name]) for name in _ARRAYS)
            fold_hash = str(archive["fold_hash"])
    except _NO_ARCHIVE as error:
        raise InputError(_damaged(str(error))) from error
    if hash_folds(rows, fold_of, holdout_rows, groups) != fold_hash:
        raise InputError(_damaged("their contents don't match their hash"))
    return Splits(rows, fold_of, holdout_rows, groups, fold_hash)


def _precedence(key: tuple[bytes, str]) -> tuple[bool, str]:
    salt, text = key
    return salt != _SALT_OF_NAMES, text


def _draw_number(salt: bytes, text: str) -> float:
    digest = hashlib.sha256(salt + text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def _deal(labels: RowArray, groups: RowArray, n_folds: int, seed: int) -> RowArray:
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    fold_of = np.empty(len(labels), dtype=np.int64)
    for fold, (_, validation) in enumerate(splitter.split(labels, labels, groups)):
        fold_of[validation] = fold
    return fold_of


def _check_readable(data: LabelledImages, included: RowArray) -> None:
    unreadable = [row for row in included.tolist() if data.content_hashes[row] == UNREADABLE]
    if unreadable:
        shown = ", ".join(str(row) for row in unreadable[:5])
        more = ", ..." if len(unreadable) > 5 else ""
        raise InputError(
            f"{len(unreadable)} images cannot be decoded, in rows {shown}{more}; set "
            "data.exclude: audit to leave them out, or repair the files. `foldsweep audit` names "
            "them."
        )


def _check_classes(data: LabelledImages, rows: RowArray, groups: RowArray, n_folds: int) -> None:
    advice = (
        f"after exclusion and holdout, fewer than the {n_folds} folds. Add images of it, leave the "
        "class out, or lower validation.folds or data.holdout."
    )
    for name, members in _members(data, rows):
        n_groups = len(np.unique(groups[members]))
        if len(members) < n_folds:
            raise InputError(f"class {name!r} has {len(members)} images {advice}")
        if n_groups < n_folds:
            raise InputError(
                f"class {name!r} has {len(members)} images in only {n_groups} groups of "
                f"images that belong together, {advice}"
            )


def _check_folds(data: LabelledImages, rows: RowArray, fold_of: RowArray, n_folds: int) -> None:
    if len(np.unique(fold_of)) < n_folds:
        raise InputError(
            f"the groups of images are too few or too unequal for {n_folds} folds: one stays "
            "empty. Lower validation.folds or use smaller groups."
        )
    folds: dict[int, int] = dict(zip(rows.tolist(), fold_of.tolist(), strict=True))
    for name, members in _members(data, rows):
        if len({folds[row] for row in members.tolist()}) < 2:
            raise InputError(
                f"class {name!r} comes to lie in a single one of {n_folds} folds, because its "
                "groups are shared with other classes; use smaller groups or another search.seed."
            )


def _members(data: LabelledImages, rows: RowArray) -> Iterator[tuple[str, RowArray]]:
    for label, name in enumerate(data.class_names):
        yield name, rows[data.labels[rows] == label]


def _whole(values: npt.NDArray[Any]) -> RowArray:
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise ValueError(f"an array of {values.dtype} and shape {values.shape} is not of rows")
    return values.astype(np.int64)


def _damaged(reason: str) -> str:
    return (
        f"the stored splits of this sweep cannot be used: {reason}. Restore them from a backup, or "
        "start the sweep anew under another name: the same data and settings draw the same splits."
    )
