"""A disk that is full: wait until there is room again."""

import logging
import time
import uuid
from pathlib import Path

from spaces.files import FULL_DISK

PROBE_BYTES = 4 << 20
LOOK_EVERY_S = 2.0

_logger = logging.getLogger(__name__)


def wait_for_room(folder: Path, reason: str) -> None:
    """Pause until some megabytes can be written.

    Args:
        folder: On the disk that was full.
        reason: What could not be written.
    """
    _logger.warning("paused, the trial is given back: %s; %s needs room", reason, folder)
    time.sleep(LOOK_EVERY_S)
    while not has_room(folder):
        time.sleep(LOOK_EVERY_S)
    _logger.warning("there is room in %s again: going on", folder)


def has_room(folder: Path) -> bool:
    """Try whether some megabytes can be written, which free space alone does not tell."""
    probe = folder / f"room-{uuid.uuid4().hex}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"\1" * PROBE_BYTES)
    except OSError as error:
        if error.errno not in FULL_DISK:
            raise
        return False
    finally:
        probe.unlink(missing_ok=True)
    return True
