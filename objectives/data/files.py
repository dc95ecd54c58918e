"""A source whose pictures are files: a folder of class folders, or a CSV table."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from objectives.data.decoding import decode_file, image_suffixes
from objectives.data.labels import Labelling, number_classes, sort_names
from objectives.data.source import ImageSource, number_groups
from objectives.records import ImageArray, RowArray
from spaces.errors import InputError


class FileSource(ImageSource):
    """Pictures in files of their own, decoded when they are read."""

    def __init__(
        self, path: Path, files: Sequence[Path], labelling: Labelling, groups: RowArray | None
    ) -> None:
        super().__init__(path, labelling, groups)
        self.files = tuple(files)

    def read(self, row: int) -> ImageArray:
        """Decode the row's file; ``ImageSource`` says what is returned and raised."""
        return decode_file(self.files[row])

    def name(self, row: int) -> str:
        """Return the file's path relative to the folder, or to the table's folder."""
        base = self.path if self.path.is_dir() else self.path.parent
        file = self.files[row]
        return str(file.relative_to(base) if file.is_relative_to(base) else file)

    def stamp(self) -> str:
        """Return a hash of every file's path, size and time; see ``ImageSource``."""
        digest = hashlib.sha256(repr((self.class_names, self.labels.tolist())).encode())
        for file in self.files:
            try:
                status = file.stat()
            except OSError as error:
                raise InputError(f"{file} is gone since it was listed; load again.") from error
            digest.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
        return digest.hexdigest()


def load_folder(path: Path) -> FileSource:
    """List a folder that has one folder of images for each class; hidden names are passed over.

    Raises:
        InputError: If there are fewer than two class folders, or one without an image.
    """
    folders = {
        entry.name: entry
        for entry in path.iterdir()
        if entry.is_dir() and not entry.name.startswith(".")
    }
    if not folders:
        raise InputError(
            f"{path} has no class folders; make one folder for each class and put its images there."
        )
    files: list[Path] = []
    names: list[str] = []
    for name in sort_names(list(folders)):
        found = _images_of(folders[name])
        files += found
        names += [name] * len(found)
    return FileSource(path, files, number_classes(names, str(path)), None)


def _images_of(folder: Path) -> list[Path]:
    suffixes = image_suffixes()
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    found = [entry for entry in entries if entry.suffix.lower() in suffixes and entry.is_file()]
    if not found:
        content = "only folders" if any(map(Path.is_dir, entries)) else "no images"
        raise InputError(
            f"class folder {folder} holds {content}; images are expected directly in it. Fill or "
            "remove it, or name the level of folders that are the classes."
        )
    return found


def load_table(path: Path) -> FileSource:
    """Read a CSV table with the columns ``path``, ``label`` and, if wanted, ``group``.

    Paths are relative to the table's folder; rows with an empty group belong to no group.

    Raises:
        InputError: If it is no such table, or a file it names is not there.
    """
    table = _read_csv(path)
    missing = [column for column in ("path", "label") if column not in table.columns]
    if missing:
        raise InputError(
            f"{path} has no column {missing[0]!r}; it has: {', '.join(table.columns)}. "
            "Needed are path and label, and group where images belong together."
        )
    for column in ("path", "label"):
        empty = table.index[table[column] == ""]
        if len(empty):
            raise InputError(
                f"{path} has {len(empty)} rows without a {column}, the first of them row "
                f"{empty[0]}; fill them in or remove them."
            )
    files = [path.parent / name for name in table["path"]]
    _check_there(files, path)
    groups = number_groups(table["group"].to_numpy()) if "group" in table.columns else None
    return FileSource(path, files, number_classes(table["label"].tolist(), str(path)), groups)


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        # As text throughout: a class may be called "NA" or "007".
        table = pd.read_csv(
            path, dtype=str, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True
        )
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"{path} is no CSV table ({reason}); write one in UTF-8 with the columns path,label."
        ) from error
    table = table.rename(columns=lambda name: str(name).strip())
    return pd.DataFrame({name: table[name].str.strip() for name in table.columns})


def _check_there(files: Sequence[Path], path: Path) -> None:
    missing = [file for file in files if not file.is_file()]
    if missing:
        shown = ", ".join(str(file) for file in missing[:3])
        raise InputError(
            f"{path} names {len(missing)} files that are not there: {shown}"
            f"{', ...' if len(missing) > 3 else ''}. Paths are relative to {path.parent}."
        )
