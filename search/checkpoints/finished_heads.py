"""The heads that trials have left, in the storage: any machine can begin to fine-tune them."""

import hashlib
import logging
from pathlib import Path

from objectives.fold_heads import NAME
from objectives.stopping.rung import size_of_top
from search.storage.checkpoints import FINISHED_HEADS, StoredCheckpoints
from search.storage.records import CheckpointRow, Slot, Standing
from spaces.files import replacing

LEAST_KEPT = 20
"""Of the best heads of a sweep, whatever share is fine-tuned: a budget may be raised."""

_logger = logging.getLogger(__name__)


def store_heads(stored: StoredCheckpoints, slot: Slot, folder: Path) -> None:
    """Store the heads among a trial's files, if it has any.

    Args:
        stored: The sweep's.
        slot: The phase that left them, still held.
        folder: Its files.

    Raises:
        SlotLostError: If another worker has taken the trial over.
    """
    if not (folder / NAME).is_file():
        return
    content = (folder / NAME).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    row = CheckpointRow(
        FINISHED_HEADS, "head", 0, 0, 0.0, digest, len(content), uri=None, content=content
    )
    stored.save(slot, [row])


def fetch_heads(stored: StoredCheckpoints, slot: Slot, folder: Path) -> None:
    """Put the heads of a trial among its files of this machine, if they are not there.

    Where they are not stored any more, or damaged, the trial trains the same ones again.

    Args:
        stored: The sweep's.
        slot: The phase that left them.
        folder: Its files.
    """
    if (folder / NAME).is_file():
        return
    row = stored.heads_of(slot)
    if row is None or row.content is None:
        return
    if hashlib.sha256(row.content).hexdigest() != row.sha256:
        _logger.warning("the stored heads of trial %s are damaged", slot.trial)
        return
    with replacing(folder / NAME) as file:
        file.write(row.content)


def forget_heads(stored: StoredCheckpoints, standing: Standing, *, top: float) -> None:
    """Drop the stored heads of all but the best trials.

    Args:
        stored: The sweep's.
        standing: How far its trials are.
        top: The share of them that is fine-tuned.
    """
    worthy = standing.worthy
    if worthy:
        n_kept = max(LEAST_KEPT, size_of_top(sum(standing.heads.values()), top=top))
        best = sorted(worthy, key=lambda number: (-worthy[number], number))
        stored.keep_heads_of(best[:n_kept])
