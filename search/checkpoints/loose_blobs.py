"""Blobs that no phase will go on from: their worker died, or their sweep was deleted."""

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from search.checkpoints.blobs import Blobs
from search.checkpoints.keeper import folder_of
from search.storage.records import FINISHED
from search.storage.storage import Storage

_PHASE_FOLDER = re.compile(r"[0-9a-f-]{36}/\d+-(head|finetune)")


@dataclass(frozen=True)
class Needed:
    """Which blobs are needed, as the storage says."""

    running: frozenset[str]
    """Folders of phases that are run now, whose files may be ahead of their rows."""
    files: frozenset[str]
    """Those that have a row, of phases that have not ended."""
    sweeps: frozenset[str] = field(default_factory=frozenset)
    """Ids of all sweeps."""

    @classmethod
    def by(cls, storage: Storage) -> "Needed":
        """Read it for all sweeps of a storage."""
        rows = [row for name in storage.sweeps.names() if (row := storage.sweeps.find(name))]
        running: set[str] = set()
        files: set[str] = set()
        for row in rows:
            slots = storage.slots(row.id).all()
            named = {f"{row.id}/{name}" for name in storage.checkpoints(row.id).blob_names()}
            ended = {folder_of(slot) for slot in slots if slot.state in FINISHED}
            running |= {folder_of(slot) for slot in slots if slot.state == "running"}
            files |= {name for name in named if name.rpartition("/")[0] not in ended}
        return cls(frozenset(running), frozenset(files), frozenset(row.id for row in rows))

    def covers(self, name: str) -> bool:
        """Say whether a file is needed."""
        return name in self.files or name.rpartition("/")[0] in self.running


def loose_blobs(blobs: Blobs, storage: Storage, *, others_too: bool) -> Mapping[str, int]:
    """List the files of phases that nobody runs and no row names, with their bytes.

    Args:
        blobs: Where to look.
        storage: Whose sweeps.
        others_too: Also those of sweeps that the storage does not have: only where no other storage
            keeps its own there.
    """
    # Files first: of those that are there by now, all rows will have been written when rows are
    # read, but where their phase still runs.
    sizes = blobs.sizes()
    needed = Needed.by(storage)
    return {
        name: n_bytes
        for name, n_bytes in sizes.items()
        if _PHASE_FOLDER.fullmatch(name.rpartition("/")[0])
        and (others_too or name.partition("/")[0] in needed.sweeps)
        and not needed.covers(name)
    }


def remove_loose(blobs: Blobs, names: Collection[str]) -> None:
    """Remove files that :func:`loose_blobs` gave, and the folders that are empty then."""
    for name in names:
        blobs.remove(name)
    if blobs.folder is None:
        return
    folders = {parent for name in names for parent in Path(name).parents if parent != Path()}
    for folder in sorted(folders, reverse=True):
        with suppress(OSError):  # Something else is in it.
            (blobs.folder / folder).rmdir()
