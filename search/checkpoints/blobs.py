"""Files by name in a folder or an object store: whole or not at all."""

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from spaces.errors import InputError
from spaces.files import disk_full_is_unavailable, replacing

_NAME = re.compile(r"[\w.-]+(/[\w.-]+)*")


class Blobs:
    """A folder of files, on this machine, a shared disk or any file system that fsspec knows.

    Args:
        url: A path, or a URL such as ``s3://bucket/folder``.

    Raises:
        InputError: If fsspec cannot reach file systems of that kind.
    """

    def __init__(self, url: str) -> None:
        import fsspec.core

        try:
            self._files, root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise InputError(
                f"checkpoints cannot be kept at {url}: {error}. Set FOLDSWEEP_CHECKPOINTS to a "
                "folder or a URL that fsspec reads, and install what it needs."
            ) from error
        self._root = str(root).rstrip("/")
        self.folder = Path(self._root) if "file" in _protocols(self._files) else None
        """Where it is a folder of this machine; None for an object store."""

    def uri(self, name: str) -> str:
        """Say where a file lies."""
        return str(self._files.unstrip_protocol(self._place(name)))

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """Open a file for writing that is there only when all of it is.

        Raises:
            DiskFullError: If the disk is full.
            OSError: If the store does not take it.
        """
        if self.folder is not None:
            with replacing(Path(self._place(name))) as file:
                yield file
            return
        with (
            disk_full_is_unavailable("a checkpoint is put aside"),
            tempfile.NamedTemporaryFile() as aside,
        ):
            yield aside  # type: ignore[misc]
            aside.flush()
            self._files.put_file(aside.name, self._place(name))

    @contextmanager
    def reading(self, name: str) -> Iterator[Path]:
        """Give a file as one of this machine.

        Raises:
            OSError: If it is not there, or the store does not give it.
        """
        if self.folder is not None:
            yield Path(self._place(name))
            return
        with tempfile.NamedTemporaryFile() as aside:
            self._files.get_file(self._place(name), aside.name)
            yield Path(aside.name)

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all that is in it, if it is there."""
        place = self._place(name)
        if self.folder is not None:
            shutil.rmtree(place, ignore_errors=True)
            Path(place).unlink(missing_ok=True)
        elif self._files.exists(place):
            self._files.rm(place, recursive=True)

    def exists(self, name: str) -> bool:
        """Say whether a file is there."""
        return bool(self._files.exists(self._place(name)))

    def sizes(self, folder: str = "") -> Mapping[str, int]:
        """Give every file in a folder, or everywhere, with its bytes; those in writing too."""
        place = self._place(folder) if folder else self._root
        if not self._files.exists(place):
            return {}
        found = self._files.find(place, detail=True)
        return {path[len(self._root) + 1 :]: int(at["size"] or 0) for path, at in found.items()}

    def _place(self, name: str) -> str:
        if not _NAME.fullmatch(name) or ".." in name:
            raise InputError(f"{name!r} is no name of a checkpoint.")
        return f"{self._root}/{name}"


def _protocols(files: Any) -> tuple[str, ...]:
    protocol = files.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)
