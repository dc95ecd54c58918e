"""From what a person wrote as labels to class numbers and names.

Names are sorted, as numbers where all of them are numbers ("2" before "10"), so that a folder, a
table and an array of the same data number their classes alike.

A name is any text that can be printed on one line: ``a(b)``, ``50%`` and ``cat, dog`` are names.
Control characters and what is no Unicode are refused, and so are names of blanks and long ones.
"""

import unicodedata
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from objectives.records import LabelArray
from spaces.errors import InputError

LONGEST_NAME = 200
"""Characters of the longest class name."""

_SHOWN_NAMES = 8
# Control characters, lone surrogates (bytes that are not UTF-8), line and paragraph separators.
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})


class Labelling(NamedTuple):
    """Class numbers, shape ``(rows,)``, and the name of each number."""

    labels: LabelArray
    class_names: tuple[str, ...]


def number_classes(names: Sequence[str], where: str) -> Labelling:
    """Number the class names of the rows.

    Args:
        names: The class name of each row.
        where: What to call the data in an error.

    Raises:
        InputError: If there are no rows, fewer than two classes, or a name that will not do.
    """
    if len(names) == 0:
        raise InputError(f"{where} has no images; give at least two classes of them.")
    order = sort_names(set(names))
    check_names(order, where)
    if len(order) < 2:
        raise InputError(
            f"{where} has a single class, {order[0]!r}; a classifier needs at least two."
        )
    position = {name: number for number, name in enumerate(order)}
    labels = np.fromiter((position[name] for name in names), np.int64, len(names))
    return Labelling(labels, tuple(order))


def check_names(names: Collection[str], where: str) -> None:
    """Refuse names that cannot be shown on one line.

    Args:
        names: As a person or a file system gave them.
        where: What to call the data in an error.

    Raises:
        InputError: With the first name that will not do.
    """
    for name in names:
        if not name.strip():
            problem = "is empty"
        elif len(name) > LONGEST_NAME:
            problem = f"has {len(name)} characters"
        elif any(unicodedata.category(letter) in _UNPRINTABLE for letter in name):
            problem = "has control characters or bytes that are not UTF-8"
        else:
            continue
        raise InputError(
            f"{where}: the class name {name[:LONGEST_NAME]!r} {problem}; give the class a name of "
            f"1 to {LONGEST_NAME} characters on one line."
        )


def sort_names(names: Collection[str]) -> list[str]:
    """Sort by number if every name is a whole number, by text if not."""
    if all(name.isascii() and name.isdigit() and len(name) <= LONGEST_NAME for name in names):
        return sorted(names, key=lambda name: (int(name), name))
    return sorted(names)


def read_labels(
    values: npt.NDArray[np.generic], class_names: Sequence[str] | None, where: str
) -> Labelling:
    """Number the labels of an array.

    Args:
        values: Whole numbers or text, shape ``(rows,)`` or ``(rows, 1)``, or one-hot, shape
            ``(rows, classes)``.
        class_names: The name of each whole number, or None to call classes "0", "1", ...
        where: What to call the data in an error.

    Raises:
        InputError: If the labels are none of these, or a class is without an image.
    """
    flat = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    if flat.ndim == 2:
        flat = _from_one_hot(flat, where)
        class_names = class_names or [str(number) for number in range(values.shape[1])]
        if len(class_names) != values.shape[1]:
            raise InputError(
                f"{where}: labels are one-hot for {values.shape[1]} classes but class_names has "
                f"{len(class_names)} entries; name every class."
            )
    if flat.ndim != 1:
        raise InputError(
            f"{where}: labels have shape {values.shape}; known: (rows,), (rows, 1) and one-hot "
            "(rows, classes)."
        )
    is_text = flat.dtype.kind == "U" and not class_names
    if not is_text:
        _check_whole(flat, where)
    codes, rows = np.unique(flat, return_inverse=True)
    if is_text:
        names = codes.tolist()
    else:
        names = _names_of([int(code) for code in codes.tolist()], class_names, where)
    by_code = number_classes(names, where)
    return Labelling(by_code.labels[rows], by_code.class_names)


def name_numbers(found: Labelling, class_names: Sequence[str] | None, where: str) -> Labelling:
    """Give classes that have numbers alone the names of the sweep file.

    Args:
        found: With the names that the data has, numbers or others.
        class_names: The name of class 0, 1, ...; None leaves the names as they are.
        where: What to call the data in an error.

    Raises:
        InputError: If the data has other numbers than 0 to the count of names less 1, or other
            names; or if a name will not do or stands twice.
    """
    known = found.class_names
    if class_names is None or not all(name.isascii() and name.isdigit() for name in known):
        check_same_names(known, class_names, where)
        return found
    if known != tuple(str(number) for number in range(len(class_names))):
        raise InputError(
            f"data.class_names has {len(class_names)} names, for classes from 0 to "
            f"{len(class_names) - 1}, but {where} has the classes {_shown(known)}; name each "
            "number from 0 on."
        )
    named = number_classes(_once_each(class_names, "data.class_names"), "data.class_names")
    return Labelling(named.labels[found.labels], named.class_names)


def check_same_names(known: Sequence[str], class_names: Sequence[str] | None, where: str) -> None:
    """Refuse names of the sweep file that are not those that the data has itself.

    Args:
        known: The names of the data, in its order.
        class_names: Those of the sweep file, or None.
        where: What to call the data in an error.

    Raises:
        InputError: If they differ, or stand in another order.
    """
    if class_names is not None and tuple(class_names) != tuple(known):
        raise InputError(
            f"data.class_names: {where} has names of its own, {_shown(known)}, which are not "
            f"{_shown(class_names)}; leave data.class_names out, or write the same in that order."
        )


def _names_of(codes: list[int], class_names: Sequence[str] | None, where: str) -> list[str]:
    if class_names is None or not codes:
        return [str(code) for code in codes]
    _once_each(class_names, f"{where}: class_names")
    if codes[-1] >= len(class_names):
        raise InputError(
            f"{where}: there is a label {codes[-1]} but class_names has {len(class_names)} "
            "entries, for labels from 0; name every class."
        )
    unused = sorted(set(range(len(class_names))) - set(codes))
    if unused and len(codes) > 1:
        name = class_names[unused[0]]
        raise InputError(f"{where}: class {name!r} has no image; leave it out or add some.")
    return [class_names[code] for code in codes]


def _once_each(names: Sequence[str], what: str) -> Sequence[str]:
    if len(set(names)) < len(names):
        raise InputError(f"{what} repeat a name; give every class its own.")
    return names


def _shown(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:_SHOWN_NAMES])
    return f"{shown}, ..." if len(names) > _SHOWN_NAMES else shown


def _from_one_hot(values: npt.NDArray[np.generic], where: str) -> npt.NDArray[np.generic]:
    if values.shape[1] > len(values):
        raise InputError(
            f"{where}: labels are one-hot for {values.shape[1]} classes, but there are "
            f"{len(values)} images; each class needs some."
        )
    numeric = values.dtype.kind in "buif"
    if not numeric or not _is_one_hot(values):
        raise InputError(
            f"{where}: labels of shape {values.shape} are not one-hot (one 1 a row, otherwise 0); "
            "write whole numbers of shape (rows,) instead."
        )
    return np.asarray(values.argmax(axis=1))


def _is_one_hot(values: npt.NDArray[np.generic]) -> bool:
    ones = values == 1
    return bool(((values == 0) | ones).all() and (ones.sum(axis=1) == 1).all())


def _check_whole(values: npt.NDArray[np.generic], where: str) -> None:
    if values.dtype.kind not in "bui":
        raise InputError(
            f"{where}: labels are {values.dtype}; known: whole numbers from 0, or one-hot. "
            "Convert them with labels.astype('int64')."
        )
    if values.size and values.dtype.kind == "i" and values.min() < 0:
        row = int(values.argmin())
        raise InputError(
            f"{where}: the label of row {row} is {values[row]}; labels are whole numbers from 0. "
            "Leave rows without a label out."
        )
