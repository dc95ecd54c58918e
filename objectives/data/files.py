"""A source whose pictures are files: a folder of class folders, or a CSV table."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from objectives.data.decoding import decode_file, decoded, image_suffixes
from objectives.data.labels import (
    Labelling,
    check_names,
    name_numbers,
    number_classes,
    sort_names,
)
from objectives.data.source import ImageSource
from objectives.data.tables import read_table
from objectives.records import ImageArray
from spaces.errors import InputError
from spaces.files import shown_path


class FileSource(ImageSource):
    """Pictures in files of their own, decoded when they are read."""

    def __init__(
        self,
        path: Path,
        files: Sequence[Path],
        labelling: Labelling,
        group_names: Sequence[str] | None,
    ) -> None:
        super().__init__(path, labelling, group_names)
        self.files = tuple(files)

    def read(self, row: int) -> ImageArray:
        """Decode the row's file; ``ImageSource`` says what is returned and raised."""
        return decode_file(self.files[row])

    @contextmanager
    def reading(self, row: int) -> Iterator[ImageArray]:
        """Give what ``read`` returns, counted as in memory within the block."""
        with decoded(self.files[row]) as image:
            yield image

    def name(self, row: int) -> str:
        """Return the file's path relative to the folder, or to the table's folder."""
        base = self.path if self.path.is_dir() else self.path.parent
        file = self.files[row]
        return shown_path(file.relative_to(base) if file.is_relative_to(base) else file)

    def stamp(self) -> str:
        """Return a hash of every file's path, size and time; see ``ImageSource``."""
        digest = hashlib.sha256(repr((self.class_names, self.labels.tolist())).encode())
        for file in self.files:
            try:
                status = file.stat()
            except OSError as error:
                raise InputError(
                    f"{shown_path(file)} is gone since it was listed; load again."
                ) from error
            digest.update(os.fsencode(file))
            digest.update(f"\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
        return digest.hexdigest()


def load_folder(path: Path, class_names: Sequence[str] | None) -> FileSource:
    """List a folder that has one folder of images for each class; hidden names are passed over.

    Args:
        path: The folder of class folders.
        class_names: Of the sweep file, for class folders that are called by numbers; or None.

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
    check_names(folders, str(path))
    files: list[Path] = []
    names: list[str] = []
    for name in sort_names(list(folders)):
        found = _images_of(folders[name])
        files += found
        names += [name] * len(found)
    labelling = name_numbers(number_classes(names, str(path)), class_names, str(path))
    return FileSource(path, files, labelling, None)


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


def load_table(path: Path, class_names: Sequence[str] | None) -> FileSource:
    """Load the images that a CSV table names; see ``objectives.data.tables``.

    Args:
        path: The table. Paths in it are relative to its folder; rows with an empty group belong
            to no group.
        class_names: Of the sweep file, for classes that have numbers alone; or None.

    Raises:
        InputError: If it is no such table, or a file it names is not there.
    """
    table = read_table(path)
    where = str(path)
    files = [path.parent / name for name in table.paths]
    _check_there(files, path)
    labelling = name_numbers(number_classes(table.labels, where), class_names, where)
    return FileSource(path, files, labelling, table.groups)


def _check_there(files: Sequence[Path], path: Path) -> None:
    missing = [file for file in files if not file.is_file()]
    if missing:
        shown = ", ".join(repr(str(file)) for file in missing[:3])
        raise InputError(
            f"{path} names {len(missing)} files that are not there: {shown}"
            f"{', ...' if len(missing) > 3 else ''}. Paths are relative to {path.parent}."
        )
