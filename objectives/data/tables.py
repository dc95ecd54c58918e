"""A CSV table of images: the columns ``path``, ``label`` and, if wanted, ``group``; all is text.

A class may be called "NA" or "007", so nothing is guessed from what the columns hold.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from spaces.errors import InputError

_NEEDED = ("path", "label")
_SHOWN_COLUMNS = 8


class Table(NamedTuple):
    """The columns of a table, one text a row, without blanks around it."""

    paths: list[str]
    labels: list[str]
    groups: list[str] | None


def read_table(path: Path) -> Table:
    """Read a table; further columns are passed over.

    Raises:
        InputError: If it is no such table, or has a row without a path or a label.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _read(csv.reader(file, strict=True, skipinitialspace=True), path)
    except (csv.Error, UnicodeDecodeError) as error:
        raise _no_table(path, str(error)) from error


def _read(lines: Iterator[list[str]], path: Path) -> Table:
    header = [name.strip() for name in next(lines, [])]
    if not any(header):
        raise _no_table(path, "it has no header")
    place = {name: _place(name, header, path) for name in (*_NEEDED, "group") if name in header}
    missing = [name for name in _NEEDED if name not in place]
    if missing:
        shown = ", ".join(header[:_SHOWN_COLUMNS])
        more = ", ..." if len(header) > _SHOWN_COLUMNS else ""
        raise InputError(
            f"{path} has no column {missing[0]!r}; it has: {shown}{more}. "
            "Needed are path and label, and group where images belong together."
        )
    columns: dict[str, list[str]] = {name: [] for name in place}
    for number, line in enumerate(line for line in lines if line):
        if any(line[len(header) :]):
            raise _no_table(path, f"row {number} has {len(line)} fields, the header {len(header)}")
        for name, position in place.items():
            columns[name].append(line[position].strip() if position < len(line) else "")
    for name in _NEEDED:
        _check_filled(name, columns[name], path)
    return Table(columns["path"], columns["label"], columns.get("group"))


def _place(name: str, header: Sequence[str], path: Path) -> int:
    if header.count(name) > 1:
        raise _no_table(path, f"the column {name!r} stands twice")
    return header.index(name)


def _check_filled(name: str, texts: Sequence[str], path: Path) -> None:
    empty = [row for row, text in enumerate(texts) if not text]
    if empty:
        raise InputError(
            f"{path} has {len(empty)} rows without a {name}, the first of them row {empty[0]}; "
            "fill them in or remove them."
        )


def _no_table(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path} is no CSV table ({reason}); write one in UTF-8 with the columns path,label."
    )
