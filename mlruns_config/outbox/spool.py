"""A spool folder in one's hands: its journal, and the right to write to it and send from it."""

import logging
from dataclasses import dataclass
from pathlib import Path

from mlruns_config.outbox.journal import Journal
from mlruns_config.outbox.ownership import Ownership
from mlruns_config.outbox.rejected import has_rejected
from spaces.errors import UnavailableError
from spaces.files import disk_full_is_unavailable

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Spool:
    """What :func:`take` and :func:`take_over` give, to be given back."""

    journal: Journal
    owner: Ownership

    def give_back(self) -> None:
        """Let others have the folder; one in which nothing waits is removed."""
        is_used_up = self.journal.is_empty() and not has_rejected(self.journal.folder)
        self.owner.give_back(remove=is_used_up)


def take(folder: Path) -> Spool:
    """Make a spool, or take the one that an earlier owner left there.

    Raises:
        DiskFullError: If the disk is full.
        UnavailableError: If a living process has the folder, or it can't be written.
    """
    owner = Ownership(folder)
    try:
        with disk_full_is_unavailable(f"the spool folder {folder} is made"):
            is_taken = owner.take()
    except OSError as error:
        raise UnavailableError(f"the spool folder {folder} cannot be used: {error}") from error
    if not is_taken:
        raise UnavailableError(
            f"the spool folder {folder} belongs to a running process; give every worker its own"
        )
    try:
        return Spool(Journal(folder), owner)
    except UnavailableError:
        owner.give_back(remove=False)
        raise


def take_over(folder: Path) -> Spool | None:
    """Take a spool in which something waits; None if nothing does, or its owner lives."""
    owner = Ownership(folder)
    try:
        if not owner.take_over():
            return None
        spool = Spool(Journal(folder), owner)
    except (OSError, UnavailableError) as error:
        _logger.warning("what waits for MLflow in %s cannot be read: %s", folder, error)
        owner.give_back(remove=False)
        return None
    if spool.journal.is_empty():
        spool.give_back()
        return None
    return spool
