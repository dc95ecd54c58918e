"""Files of rows to leave out: what an audit writes, and what ``data.exclude: FILE`` reads."""

from pathlib import Path

import numpy as np

from objectives.records import RowArray
from spaces.errors import InputError
from spaces.files import replacing


def save_excluded_rows(rows: list[int], path: Path) -> None:
    """Write one row number a line, whole or not at all.

    Raises:
        UnavailableError: If the disk is full.
    """
    with replacing(path) as file:
        file.write("".join(f"{row}\n" for row in rows).encode())


def load_excluded_rows(path: Path, n_rows: int) -> RowArray:
    """Read one row number a line; empty lines and what follows a ``#`` are passed over.

    Args:
        path: The file, as an audit writes it or by hand.
        n_rows: Rows of the data set; they are numbered from 0.

    Returns:
        The rows, ascending, each once, shape ``(excluded,)``.

    Raises:
        InputError: If the file is not there, or a line is no row of the data set.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"data.exclude: {path} cannot be read ({error}); give 'audit', 'none', or a text file "
            "with one row number a line, as `foldsweep audit` writes it."
        ) from error
    texts = [line.split("#")[0].strip() for line in lines]
    rows = {_row(text, f"{path}:{number}", n_rows) for number, text in enumerate(texts, 1) if text}
    return np.array(sorted(rows), dtype=np.int64)


def _row(text: str, where: str, n_rows: int) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < n_rows):
        raise InputError(
            f"{where}: {text!r} is no row of the data set, whose rows are 0 to {n_rows - 1}; "
            "write one row number a line."
        )
    return int(text)
