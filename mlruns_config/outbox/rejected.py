"""What MLflow refused for good: kept with the reason, out of the way of the rest."""

import json
import logging
import uuid
from pathlib import Path
from typing import Any

from spaces.files import replacing

_logger = logging.getLogger(__name__)
FOLDER_NAME = "rejected"


def set_aside(spool_folder: Path, kind: str, key: str, content: Any, reason: str) -> None:
    """Write one refused thing to a file of its own and log it.

    Args:
        spool_folder: The spool it comes from; the file goes to ``rejected/`` in it.
        kind: What it is, such as ``metrics``.
        key: The key of its run.
        content: Anything that JSON can say.
        reason: Why it was refused, without passwords.

    Raises:
        DiskFullError: If the disk is full.
        OSError: If it can't be written for another reason.
    """
    folder = spool_folder / FOLDER_NAME
    path = folder / f"{kind}-{uuid.uuid4().hex}.json"
    document = {"kind": kind, "key": key, "reason": reason, "content": content}
    with replacing(path) as file:
        file.write(json.dumps(document, default=str, indent=1).encode())
    _logger.error("MLflow refused %s of %s: %s (kept in %s)", kind, key, reason, path)


def has_rejected(spool_folder: Path) -> bool:
    """Say whether anything was set aside."""
    return any((spool_folder / FOLDER_NAME).glob("*.json"))
