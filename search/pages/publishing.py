"""The run of a sweep in MLflow: its page, written now and then while it runs, and at its end."""

import logging
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from mlruns_config.description.sweep import SWEEP_PAGE, sweep_key, sweep_metrics, sweep_tags
from mlruns_config.outbox.outbox import Outbox
from mlruns_config.settings import tracking_user
from search.pages.sweep_facts import read_facts
from search.pages.sweep_note import sweep_note
from search.pages.sweep_page import sweep_page
from search.storage.records import WorkerRow
from search.stored_sweep import StoredSweep
from search.workers.liveness import has_ended
from spaces.files import replacing

FIRST_AFTER_S = 60.0
EVERY_S = 300.0
MOST_SHARE = 0.01
"""Of the time of the worker that writes the page."""

_logger = logging.getLogger(__name__)


class PageKeeper:
    """Writes the page of a sweep while it runs, if this worker is the one that keeps it.

    That is whoever joined first of those that live: the beat that it lives by is the lease of the
    page too. Where two think so for a moment, the same run gets the same page twice.

    Args:
        stored: The sweep.
        worker_id: This worker.
        outbox: Of this process.
    """

    def __init__(self, stored: StoredSweep, worker_id: str, outbox: Outbox) -> None:
        self._stored = stored
        self._id = worker_id
        self._outbox = outbox
        self._due_s = time.monotonic() + FIRST_AFTER_S

    def update(self, everyone: Sequence[WorkerRow]) -> None:
        """Write the page if it is time; between two trials.

        Args:
            everyone: All workers, the first first.
        """
        began_s = time.monotonic()
        if began_s < self._due_s or not self._keeps_the_page(everyone):
            return
        _write(self._stored, self._outbox)
        took_s = time.monotonic() - began_s
        self._due_s = time.monotonic() + max(EVERY_S, took_s / MOST_SHARE)

    def _keeps_the_page(self, everyone: Sequence[WorkerRow]) -> bool:
        living = [row.id for row in everyone if row.state == "live"]
        return living[:1] == [self._id]


def write_last_page(stored: StoredSweep, outbox: Outbox) -> None:
    """Write the page as it stays, unless somebody is left who will.

    To be called by a worker that has left, so that of several that end at once the last one, who
    sees all that the others did, finds nobody.

    Args:
        stored: The sweep.
        outbox: Of this process.
    """
    if not any(row.state == "live" and not has_ended(row) for row in stored.workers.all()):
        _write(stored, outbox)


def publish_page(stored: StoredSweep, outbox: Outbox) -> None:
    """Spool the page, the description and how far the sweep is.

    Args:
        stored: The sweep.
        outbox: Of this process.

    Raises:
        UnavailableError: If the storage does not answer, or the disk is full.
    """
    facts = read_facts(stored)
    if facts is None:
        return
    row, state = facts.row, facts.status.state
    run = outbox.open_run(
        row.name,
        sweep_key(row.id),
        f"sweep {row.name}",
        # A later launch takes the run over, and has it running again.
        attempt=int(row.resumed_at),
        began_ms=int(1000 * row.created_at),
    )
    note = sweep_note(facts)
    run.tags(sweep_tags(row.name, row.id, tracking_user(), state=state, note=note))
    best = facts.ranked[0].score if facts.ranked else None
    run.metrics(sweep_metrics(best=best, ended=facts.ended, hours=facts.hours), step=facts.ended)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / SWEEP_PAGE.file
        with replacing(page) as file:
            file.write(sweep_page(facts).encode())
        run.artifact(page)
    if state not in ("running", "stopping"):
        run.finish("FINISHED")


def _write(stored: StoredSweep, outbox: Outbox) -> None:
    try:
        publish_page(stored, outbox)
    # The page is for looking at: whatever is wrong with it must not cost a trial.
    except Exception:
        _logger.exception("the page of the sweep was not written")
