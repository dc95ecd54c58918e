"""Which kind of source a path is."""

import zipfile
import zlib
from pathlib import Path

from objectives.data.arrays import load_arrays
from objectives.data.files import load_folder, load_table
from objectives.data.source import ImageSource
from spaces.errors import InputError


def load_source(path: Path) -> ImageSource:
    """Look at a data set and read its labels, but no pictures yet.

    Args:
        path: An ``.npz`` file with ``images`` and ``labels``, a folder of class folders, or a
            ``.csv`` table with the columns path, label and, if wanted, group.

    Raises:
        InputError: If there is nothing, or it is none of these, or its labels are wrong.
    """
    path = Path(path)
    try:
        return _load(path)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise InputError(f"{path} is damaged ({error}); write or copy it again.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error


def _load(path: Path) -> ImageSource:
    if not path.exists():
        raise InputError(f"{path} does not exist; data.path is relative to where you are.")
    if path.is_dir():
        return load_folder(path)
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return load_arrays(path)
    if suffix == ".csv":
        return load_table(path)
    raise InputError(
        f"{path} is no data set that can be read; known: .npz (images, labels), a folder of class "
        "folders, .csv (path, label[, group])."
    )
