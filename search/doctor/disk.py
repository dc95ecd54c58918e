"""What lies on the disk of this machine, or in its checkpoints, and should not, or the reverse."""

from collections.abc import Iterator

from objectives.store.array_store import ArrayStore
from search.checkpoints.blobs import Blobs
from search.checkpoints.keeper import folder_of
from search.checkpoints.loose_blobs import loose_blobs, remove_loose
from search.disk_space import STORE_FOLDER
from search.doctor.case import Case
from search.doctor.finding import Finding, Mending
from search.home import check_home
from search.settings import RuntimeSettings
from search.storage.records import FINISHED
from search.storage.storage import Storage
from spaces.errors import FoldsweepError


def check_format(settings: RuntimeSettings, mending: Mending) -> Iterator[Finding]:
    """See that the home is one of this foldsweep."""
    try:
        check_home(settings.home)
    except FoldsweepError as error:
        remedy = "use the foldsweep that made it, or set FOLDSWEEP_HOME"
        yield mending.found("home of another format", str(error), settings.home, remedy=remedy)


def check_store(settings: RuntimeSettings, mending: Mending) -> Iterator[Finding]:
    """Find views and features that were never finished, and those that are damaged."""
    folder = settings.home / STORE_FOLDER
    if not folder.is_dir():
        return
    store = ArrayStore(folder, max_bytes=settings.store_bytes)
    half_made = store.half_made(dry_run=True)
    if half_made:
        yield mending.found(
            "half-made views",
            f"{half_made:,} bytes of images, views or features whose process has ended",
            folder,
            mend=lambda: store.half_made(dry_run=False),
        )
    for path in store.damaged():
        yield mending.found(
            "damaged entry",
            "its files are not what was written; it is made again when it is needed",
            path,
            mend=lambda path=path: store.remove_damaged(path),  # type: ignore[misc]
        )


def check_states_of_others(
    storage: Storage, settings: RuntimeSettings, mending: Mending
) -> Iterator[Finding]:
    """Find checkpoints in the home whose sweep the storage does not have."""
    blobs = Blobs(settings.checkpoints)
    if blobs.folder is None or not blobs.folder.is_relative_to(settings.home):
        return
    own = loose_blobs(blobs, storage, others_too=False)
    loose = loose_blobs(blobs, storage, others_too=True)
    for name in loose.keys() - own.keys():
        yield mending.found(
            "checkpoint of no sweep",
            f"{loose[name]:,} bytes of a state, whose sweep the storage does not have",
            blobs.uri(name),
            mend=lambda name=name: remove_loose(blobs, [name]),  # type: ignore[misc]
        )


def check_checkpoints(case: Case) -> Iterator[Finding]:
    """Find rows of states without their files, files without a row, and states of what ended."""
    yield from _rows(case)
    blobs, storage = case.stored.blobs, case.stored.storage
    for name, n_bytes in loose_blobs(blobs, storage, others_too=False).items():
        if name.partition("/")[0] == case.stored.row.id:
            yield case.mending.found(
                "checkpoint without a row",
                f"{n_bytes:,} bytes of a state that nobody goes on from",
                blobs.uri(name),
                mend=lambda name=name: remove_loose(blobs, [name]),  # type: ignore[misc]
            )


def _rows(case: Case) -> Iterator[Finding]:
    blobs, stored = case.stored.blobs, case.stored.checkpoints
    for slot in case.stored.slots.all():
        if slot.state == "running":
            continue
        rows = stored.of(slot)
        if rows and slot.state in FINISHED:
            yield case.mending.found(
                "state of what has ended",
                f"{len(rows)} parts of a state are kept, and nobody goes on from them",
                case.where(slot),
                mend=lambda slot=slot: stored.forget(slot),  # type: ignore[misc]
            )
            continue
        names = {f"{folder_of(slot)}/{row.uri.rpartition('/')[2]}": row for row in rows if row.uri}
        # Elsewhere it may be in the reach of another machine.
        missing = [n for n, row in names.items() if row.uri == blobs.uri(n) and not blobs.exists(n)]
        if missing:
            yield case.mending.found(
                "checkpoint without its file",
                f"{len(missing)} parts of its state are gone: mended, it begins its stage anew",
                case.where(slot),
                mend=lambda slot=slot: stored.forget(slot),  # type: ignore[misc]
                remedy=f"bring {blobs.uri(missing[0])} back, or run foldsweep doctor --fix",
            )
