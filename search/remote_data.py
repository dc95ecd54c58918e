"""Data that lies elsewhere: copied once a machine, from wherever fsspec reads."""

import hashlib
import json
import shutil
import uuid
from pathlib import Path, PurePosixPath
from typing import Any

from search.home import machine_lock
from spaces.errors import InputError, UnavailableError
from spaces.files import disk_full_is_unavailable
from spaces.redact import redact

FOLDER = "data"


def local_data(path: Path | str, home: Path) -> Path:
    """Give the path of data on this machine, copying it if it is named by a URL.

    A copy is made once for what lies there; what has changed there since is copied anew.

    Args:
        path: A path, which is given back, or a URL of a file or of a folder.
        home: Copies lie in its folder ``data``.

    Raises:
        InputError: If nothing lies there, or fsspec cannot reach file systems of that kind.
        UnavailableError: If the file system does not answer, or refuses access.
        DiskFullError: If the disk has no room for the copy.
    """
    if isinstance(path, Path):
        return path
    files, root = _opened(path)
    try:
        found = _listed(files, root)
        if not found:
            raise InputError(f"data.path: there is nothing at {redact(path)}.")
        digest = hashlib.sha256(json.dumps([path, found], default=str).encode()).hexdigest()[:16]
        copy = home / FOLDER / digest / PurePosixPath(root).name
        with machine_lock(home, f"data-{digest}"):
            if not copy.exists():
                _copy(files, root, copy, is_folder=list(found) != [root])
        return copy
    except (OSError, PermissionError) as error:
        raise UnavailableError(
            f"the data at {redact(path)} cannot be read: {redact(str(error))}."
        ) from error


def _opened(url: str) -> tuple[Any, str]:
    import fsspec.core

    try:
        files, root = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise InputError(
            f"data.path: {redact(url)} cannot be reached: {error}. Install what fsspec needs for "
            "it, or give a path."
        ) from error
    return files, str(root).rstrip("/")


def _listed(files: Any, root: str) -> dict[str, Any]:
    """Name all files with what tells one content from another."""
    names = files.find(root)
    return {str(name): files.ukey(name) for name in sorted(names)}


def _copy(files: Any, root: str, copy: Path, *, is_folder: bool) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    half_made = copy.with_name(f".{copy.name}.{uuid.uuid4().hex}")
    try:
        with disk_full_is_unavailable(f"the data is copied to {copy.parent}"):
            # With the slash fsspec copies what is in the folder, and not the folder into another.
            files.get(f"{root}/" if is_folder else root, str(half_made), recursive=is_folder)
            half_made.rename(copy)
    finally:
        if half_made.is_dir():
            shutil.rmtree(half_made, ignore_errors=True)
        else:
            half_made.unlink(missing_ok=True)
