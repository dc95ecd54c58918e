"""From what a person wrote as labels to class numbers and names.

Names are sorted, as numbers where all of them are numbers ("2" before "10"), so that a folder, a
table and an array of the same data number their classes alike.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from objectives.records import LabelArray
from spaces.errors import InputError


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
        InputError: If there are no rows, or fewer than two classes.
    """
    if len(names) == 0:
        raise InputError(f"{where} has no images; give at least two classes of them.")
    known, numbers = np.unique(np.asarray(names, dtype=str), return_inverse=True)
    order = sort_names(known.tolist())
    if len(order) < 2:
        raise InputError(
            f"{where} has a single class, {order[0]!r}; a classifier needs at least two."
        )
    position = {name: number for number, name in enumerate(order)}
    lookup = np.array([position[name] for name in known.tolist()], dtype=np.int64)
    return Labelling(lookup[numbers], tuple(order))


def sort_names(names: Sequence[str]) -> list[str]:
    """Sort by number if every name is a whole number, by text if not."""
    if all(name.isascii() and name.isdigit() for name in names):
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
    if flat.ndim != 1:
        raise InputError(
            f"{where}: labels have shape {values.shape}; known: (rows,), (rows, 1) and one-hot "
            "(rows, classes)."
        )
    if flat.dtype.kind == "U" and not class_names:
        return number_classes(flat.tolist(), where)
    _check_whole(flat, where)
    if class_names is None or len(flat) == 0:
        return number_classes([str(number) for number in flat.astype(np.int64).tolist()], where)
    return _named(flat.astype(np.int64), class_names, where)


def _from_one_hot(values: npt.NDArray[np.generic], where: str) -> npt.NDArray[np.generic]:
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


def _named(numbers: LabelArray, names: Sequence[str], where: str) -> Labelling:
    if len(set(names)) < len(names):
        raise InputError(f"{where}: class_names repeat a name; give every class its own.")
    if int(numbers.max()) >= len(names):
        raise InputError(
            f"{where}: there is a label {int(numbers.max())} but class_names has {len(names)} "
            "entries, for labels from 0; name every class."
        )
    unused = [name for number, name in enumerate(names) if not (numbers == number).any()]
    if unused and len(names) - len(unused) > 1:
        raise InputError(f"{where}: class {unused[0]!r} has no image; leave it out or add some.")
    return number_classes(np.asarray(names, dtype=str)[numbers].tolist(), where)
