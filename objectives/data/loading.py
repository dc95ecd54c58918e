"""Which kind of source a path is."""

from collections.abc import Sequence
from pathlib import Path

from objectives.data.arrays import load_arrays
from objectives.data.files import load_folder, load_table
from objectives.data.source import ImageSource
from spaces.errors import InputError
from spaces.files import shown_path


def load_source(path: Path, class_names: Sequence[str] | None = None) -> ImageSource:
    """Look at a data set and read its labels, but no pictures yet.

    Args:
        path: An ``.npz`` file with ``images`` and ``labels``, a folder of class folders, or a
            ``.csv`` table with the columns path, label and, if wanted, group.
        class_names: Names for the classes 0, 1, ... of data whose labels are numbers. Data that
            has names of its own must have these, in this order.

    Raises:
        InputError: If there is nothing, or it is none of these, or its labels are wrong.
    """
    path = Path(path)
    try:
        return _load(path, class_names)
    except OSError as error:
        place = shown_path(Path(error.filename or path))
        raise InputError(f"{place} cannot be read: {error.strerror or error}.") from error


def _load(path: Path, class_names: Sequence[str] | None) -> ImageSource:
    if shown_path(path) != str(path):
        raise InputError(
            f"the path {shown_path(path)} has bytes that are not UTF-8; rename the folder or file."
        )
    if not path.exists():
        raise InputError(f"{path} does not exist; data.path is relative to where you are.")
    if path.is_dir():
        return load_folder(path, class_names)
    suffix = path.suffix.lower()
    if path.is_file() and suffix == ".npz":
        return load_arrays(path, class_names)
    if path.is_file() and suffix == ".csv":
        return load_table(path, class_names)
    raise InputError(
        f"{path} is no data set that can be read; known: .npz (images, labels), a folder of class "
        "folders, .csv (path, label[, group])."
    )
