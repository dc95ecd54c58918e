"""The place of an export: whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from objectives.exporting.formats import ExportFormat
from spaces.errors import InputError
from spaces.files import disk_full_is_unavailable, shown_path, sync_file, sync_folder

SAVED_MODEL_FILE = "saved_model.pb"


def check_target(out: Path, export_format: ExportFormat, *, force: bool) -> None:
    """Refuse a place that is taken, or whose name says another format.

    Args:
        out: What is to be made.
        export_format: What it will be.
        force: Whether what is there may be replaced.

    Raises:
        InputError: If it is refused.
    """
    name = shown_path(out)
    if export_format.suffix and out.suffix != export_format.suffix:
        raise InputError(f"--out {name} must end in {export_format.suffix} for this format.")
    if not os.path.lexists(out):
        return
    if not force:
        raise InputError(f"{name} exists: name another --out, or add --force to replace it.")
    if export_format.suffix and out.is_dir():
        raise InputError(f"{name} is a folder, which --force does not replace; name another --out.")
    if not export_format.suffix and not _is_replaceable_folder(out):
        raise InputError(
            f"{name} is no folder of a SavedModel, so --force does not replace it; name another "
            "--out."
        )


def _is_replaceable_folder(out: Path) -> bool:
    if out.is_symlink() or not out.is_dir():
        return False
    return (out / SAVED_MODEL_FILE).is_file() or not any(out.iterdir())


@contextmanager
def placed(out: Path, export_format: ExportFormat, *, force: bool) -> Iterator[Path]:
    """Give a path to write to; what is there at the end of the block gets the name ``out``.

    Nothing of it stays where the block raises, and what had the name before keeps it.

    Args:
        out: Whose folder is made if need be.
        export_format: What is written.
        force: Whether what has the name may be replaced.

    Raises:
        InputError: If ``out`` is refused, or nothing can be written there.
        DiskFullError: If the disk is full.
    """
    check_target(out, export_format, force=force)
    scratch = _scratch_beside(out)
    try:
        half_made = scratch / f"model{export_format.suffix}"
        with disk_full_is_unavailable(f"{shown_path(out)} is written"):
            yield half_made
            _sync(half_made)
            # Somebody else may have taken the name meanwhile.
            check_target(out, export_format, force=force)
            _give_name(half_made, out, scratch / "before")
            sync_folder(out.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def size_bytes(path: Path) -> int:
    """Add up a file, or all files of a folder."""
    return sum(file.stat().st_size for file in _files(path))


def _scratch_beside(out: Path) -> Path:
    """Make a folder on the same disk, where nobody else can write."""
    try:
        with disk_full_is_unavailable(f"a folder beside {shown_path(out)} is made"):
            out.parent.mkdir(parents=True, exist_ok=True)
            return Path(tempfile.mkdtemp(prefix=".foldsweep-export-", dir=out.parent))
    except OSError as error:
        raise InputError(
            f"{shown_path(out)} cannot be written: {error.strerror}; name another --out."
        ) from None


def _sync(path: Path) -> None:
    for file in _files(path):
        sync_file(file)


def _give_name(half_made: Path, out: Path, aside: Path) -> None:
    """Rename, with what has the name put aside until it is done."""
    if not os.path.lexists(out) or not half_made.is_dir():
        half_made.replace(out)
        return
    out.rename(aside)
    try:
        half_made.rename(out)
    except OSError:
        aside.rename(out)
        raise


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
