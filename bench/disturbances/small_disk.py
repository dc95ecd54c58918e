"""A real file system of a megabyte or some, to be filled."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SIZE_BYTES = 1_048_576


@dataclass(frozen=True)
class SmallDisk:
    """A mounted file system.

    Args:
        folder: Where.
    """

    folder: Path

    @property
    def ballast(self) -> Path:
        """The file that fills it."""
        return self.folder / "ballast"

    def fill(self, *, but: int = 0) -> None:
        """Use up all of the room but so many bytes."""
        with self.ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 4096)
            except OSError:
                pass
            file.truncate(max(file.tell() - but, 0))

    def make_room(self) -> None:
        """Take the file away."""
        self.ballast.unlink()


class CannotMountError(Exception):
    """Only root may mount, and not in every container."""


@contextmanager
def mounted(folder: Path, size_bytes: int = SIZE_BYTES) -> Iterator[SmallDisk]:
    """Mount a disk for a block.

    Raises:
        CannotMountError: Where that is not allowed.
    """
    folder.mkdir()
    if os.geteuid() != 0:
        raise CannotMountError("only root may mount a small disk")
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise CannotMountError(f"no small disk can be mounted here: {error}") from None
    if done.returncode:
        raise CannotMountError(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
