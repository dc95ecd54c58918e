"""Which files of a home no sweep needs any more, and how to be rid of them."""

import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from objectives.data.prepared import IMAGES_KIND
from objectives.store.array_store import ArrayStore, Freed, Key
from search.checkpoints.blobs import Blobs
from search.checkpoints.loose_blobs import loose_blobs, remove_loose
from search.settings import RuntimeSettings
from search.status import read_status
from search.storage.records import FINISHED, Slot, SweepRow
from search.storage.storage import Storage
from search.sweep_file.stored import stored_file
from search.sweep_file.sweep_file import NAME_PATTERN
from search.trial_phases import best_finetuning

STORE_FOLDER = "store"


@dataclass(frozen=True)
class FreedSpace:
    """What was removed, or would be."""

    shared: Freed
    """Images, views and features."""
    checkpoints: Freed
    """Folders of trials that have ended; their results are in the storage and in MLflow."""
    blobs: Freed
    """Large parts of states that no trial goes on from."""
    dry_run: bool
    """True if nothing was removed."""

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data; sizes in bytes."""
        return asdict(self)


@dataclass(frozen=True)
class _Need:
    """What the images, views and features of an unfinished sweep have in common."""

    fingerprint: str
    image_px: int
    seed: int

    def covers(self, key: Key) -> bool:
        if key.get("kind") == IMAGES_KIND:
            # Named by the files that they come from, which may be somewhere else by now.
            return key.get("image_px") == self.image_px
        # What is drawn from no seed, such as the images as they are, has the seed 0.
        return (
            key.get("data") == self.fingerprint
            and key.get("image_px") == self.image_px
            and key.get("seed") in (0, self.seed)
        )


def free_space(
    storage: Storage,
    settings: RuntimeSettings,
    *,
    max_bytes: int | None = None,
    dry_run: bool = False,
) -> FreedSpace:
    """Remove images, views, features and checkpoints that no sweep of a storage needs.

    Nothing is lost that could not be computed again, and what some process reads stays.

    Args:
        storage: The database with the sweeps.
        settings: Of this machine; only its home is touched.
        max_bytes: What a sweep still needs of the store goes too, the least recently used first,
            until the rest takes no more than this.
        dry_run: Remove nothing, only count.
    """
    rows = list(_sweeps(storage))
    return FreedSpace(
        shared=_free_store(storage, rows, settings, max_bytes, dry_run=dry_run),
        checkpoints=_free_trials(storage, rows, settings, dry_run=dry_run),
        blobs=_free_blobs(storage, settings, dry_run=dry_run),
        dry_run=dry_run,
    )


def _sweeps(storage: Storage) -> Iterator[SweepRow]:
    for name in storage.sweeps.names():
        row = storage.sweeps.find(name)
        if row is not None:
            yield row


def _free_store(
    storage: Storage,
    rows: list[SweepRow],
    settings: RuntimeSettings,
    max_bytes: int | None,
    *,
    dry_run: bool,
) -> Freed:
    folder = settings.home / STORE_FOLDER
    if not folder.exists():
        return Freed()
    store = ArrayStore(folder, max_bytes=settings.store_bytes)
    needs = [_need(row) for row in rows if read_status(storage, row).state != "done"]
    kept: list[Key] = []
    kept_bytes = 0
    for entry in reversed(store.entries()):  # The most recently used first.
        if not any(need.covers(entry.key) for need in needs):
            continue
        kept_bytes += entry.n_bytes
        if max_bytes is not None and kept_bytes > max_bytes:
            break
        kept.append(entry.key)
    return store.collect(lambda key: key in kept, dry_run=dry_run)


def free_views_of(
    storage: Storage, row: SweepRow, settings: RuntimeSettings, *, dry_run: bool = False
) -> Freed:
    """Remove images, views and features of a sweep, but for what an unfinished other one needs.

    Args:
        storage: The database with the sweeps.
        row: The sweep, finished or not.
        settings: Of this machine.
        dry_run: Remove nothing, only count.
    """
    folder = settings.home / STORE_FOLDER
    if not folder.exists():
        return Freed()
    others = [other for other in _sweeps(storage) if other.id != row.id]
    needs = [_need(other) for other in others if read_status(storage, other).state != "done"]
    own = _need(row)

    def keep(key: Key) -> bool:
        return not own.covers(key) or any(need.covers(key) for need in needs)

    store = ArrayStore(folder, max_bytes=settings.store_bytes)
    return store.collect(keep, dry_run=dry_run)


def _need(row: SweepRow) -> _Need:
    file = stored_file(row)
    return _Need(row.fingerprint, file.data.image_px, file.search.seed)


def _free_trials(
    storage: Storage, rows: list[SweepRow], settings: RuntimeSettings, *, dry_run: bool
) -> Freed:
    freed = Freed()
    for row in rows:
        if not NAME_PATTERN.fullmatch(row.name):
            continue  # A name from a database that is none of ours must not lead out of the home.
        ended = _ended_folders(storage, row)
        for folder in (settings.sweep_folder(row.name) / "trials").glob("*"):
            if folder.name in ended:
                freed += Freed(1, folder_bytes(folder))
                if not dry_run:
                    shutil.rmtree(folder)
    return freed


def _ended_folders(storage: Storage, row: SweepRow) -> set[str]:
    """Name the folders of phases that have ended, but for what others under way may read."""
    slots = storage.slots(row.id).all()
    going_on = {slot.number for slot in slots if slot.state not in FINISHED}
    ended = {_folder_name(slot) for slot in slots if slot.number not in going_on}
    best = best_finetuning(slots)
    if best is not None and read_status(storage, row).state != "done":
        ended.discard(_folder_name(best))  # Whom fine-tunings to come race against.
    return ended


def _folder_name(slot: Slot) -> str:
    return str(slot.trial) if slot.phase == "head" else f"{slot.trial}-{slot.phase}"


def _free_blobs(storage: Storage, settings: RuntimeSettings, *, dry_run: bool) -> Freed:
    """Free checkpoints of a folder of this machine; an object store is other machines' as well."""
    blobs = Blobs(settings.checkpoints)
    if blobs.folder is None:
        return Freed()
    loose = loose_blobs(blobs, storage, others_too=blobs.folder.is_relative_to(settings.home))
    if not dry_run:
        remove_loose(blobs, loose)
    return Freed(len(loose), sum(loose.values()))


def folder_bytes(folder: Path) -> int:
    """Count the bytes of all files in a folder; 0 if it is not there."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
