"""Predictions as lines of a file: CSV or JSON."""

import csv
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

from search.prediction.predict import Prediction
from spaces.errors import InputError
from spaces.files import replacing, shown_path

PLAIN_COLUMNS = ("path", "class", "probability", "error", "explanation")
PROBABILITY = "probability_"
"""What the column of a class begins with."""
Write = Callable[[Prediction], None]


@contextmanager
def lines_file(path: Path, line_format: str, class_names: Sequence[str]) -> Iterator[Write]:
    """Open a file for predictions that takes its name when all are written.

    Args:
        path: The file; one that exists is replaced.
        line_format: ``csv`` or ``jsonl``.
        class_names: Those of the model.

    Yields:
        What writes one prediction.

    Raises:
        DiskFullError: If the disk is full; the file is then as it was.
    """
    with replacing(path) as file:
        text = TextIOWrapper(file, "utf-8", newline="")
        yield writer(text, line_format, class_names)
        text.detach()


def check_writable(path: Path) -> None:
    """Refuse a place where no file can be made, before hours of work are spent for it.

    Raises:
        InputError: If it is a folder, or its folder does not exist or is not the person's.
    """
    folder = path.absolute().parent
    if path.is_dir():
        reason = "it is a folder"
    elif not folder.is_dir():
        reason = "its folder does not exist"
    elif not os.access(folder, os.W_OK):
        reason = "its folder may not be written to"
    else:
        return
    raise InputError(f"{shown_path(path)} cannot be written: {reason}; name another --out.")


def writer(text: TextIO, line_format: str, class_names: Sequence[str]) -> Write:
    """Give what writes predictions, one a line; the header of CSV is written at once.

    Args:
        text: Where to.
        line_format: ``csv`` or ``jsonl``.
        class_names: Those of the model, each of which is a column of CSV.
    """
    if line_format == "jsonl":
        return lambda entry: print(json.dumps(entry), file=text)
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*PLAIN_COLUMNS, *(PROBABILITY + name for name in class_names)])
    return lambda entry: table.writerow(_row(entry, class_names))


def _row(entry: Mapping[str, Any], class_names: Sequence[str]) -> list[Any]:
    plain = [entry[name] for name in PLAIN_COLUMNS]
    return [*plain, *(entry["probabilities"].get(name) for name in class_names)]
