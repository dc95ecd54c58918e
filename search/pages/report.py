"""The page of a sweep when a person asks for it: as a file, and in MLflow if that is wanted."""

from errno import EISDIR
from pathlib import Path

from mlruns_config.client import check_reachable
from mlruns_config.outbox.outbox import Outbox
from search.pages.publishing import publish_page
from search.pages.sweep_facts import read_facts
from search.pages.sweep_page import sweep_page
from search.storage.workers import new_worker_id
from search.stored_sweep import StoredSweep
from spaces.errors import InputError, UnavailableError
from spaces.files import replacing

SEND_S = 60.0


def write_report(stored: StoredSweep, path: Path, *, log: bool) -> Path:
    """Write the page into a file.

    Args:
        stored: The sweep.
        path: The file; one that is there is written over.
        log: Bring the sweep's run in MLflow up to date as well.

    Raises:
        InputError: If the sweep was deleted, or the file cannot be written.
        UnavailableError: If the storage does not answer, or MLflow where it is to be told.
    """
    facts = read_facts(stored)
    if facts is None:
        raise InputError(f"the sweep {stored.row.name!r} was deleted.")
    page = sweep_page(facts).encode()
    try:
        if path.is_dir():
            raise IsADirectoryError(EISDIR, "it is a folder")
        with replacing(path) as file:
            file.write(page)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror or error}. Give another file with --out."
        ) from error
    if log:
        _log(stored)
    return path


def _log(stored: StoredSweep) -> None:
    check_reachable(stored.tracking)
    outbox = Outbox(stored.tracking, stored.folder / "outbox" / new_worker_id())
    try:
        publish_page(stored, outbox)
    finally:
        is_sent = outbox.close(SEND_S)
    if not is_sent:
        raise UnavailableError(
            f"MLflow at {stored.tracking.shown_uri} did not take the page in {SEND_S:.0f} s: it "
            "waits in the sweep's folder, and the next launch sends it."
        )
