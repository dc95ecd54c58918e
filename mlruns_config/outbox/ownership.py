"""Who has a spool folder: one process at a time, told by a lock that ends with the process.

The locks are the file system's (flock): where machines share the folder, it must carry them from
one to the other, as NFS 4 does.
"""

import logging
import shutil
from pathlib import Path

from filelock import FileLock, Timeout

_logger = logging.getLogger(__name__)
_OWNER_LOCK = "owner.lock"
_CHANGES_LOCK = "owners.lock"
_TAKING_TIMEOUT_S = 5.0
_LOOKING_TIMEOUT_S = 0.1
"""Making or removing a folder takes milliseconds, but a process may be stopped in between. What was
not looked at or not removed in time is there when somebody looks again."""


class Ownership:
    """The right to write to a spool folder and to send from it, once it was taken.

    Folders are made, taken and removed under one lock of their parent: else somebody who looks for
    folders of dead processes could hold, or remove, one that its owner has made but not yet locked.

    Args:
        folder: The spool.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        # Taken in one thread and given back in another.
        self._owner = FileLock(folder / _OWNER_LOCK, thread_local=False)
        self._changes = FileLock(folder.parent / _CHANGES_LOCK, timeout=_TAKING_TIMEOUT_S)

    def take(self) -> bool:
        """Make the folder and take it; False if a living process has it.

        Raises:
            OSError: If the folder can't be made or locked.
        """
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        with self._changes:
            self._folder.mkdir(exist_ok=True)
            return self._is_taken()

    def take_over(self) -> bool:
        """Take the folder of a dead process; False if it has gone, or others have it or are at it.

        Raises:
            OSError: If the folder can't be locked.
        """
        try:
            with self._changes.acquire(timeout=_LOOKING_TIMEOUT_S, poll_interval=0.01):
                return self._folder.is_dir() and self._is_taken()
        except Timeout:
            return False

    def give_back(self, *, remove: bool) -> None:
        """Let others have the folder.

        Args:
            remove: That nothing in it is needed any more.
        """
        try:
            with self._changes.acquire(timeout=_LOOKING_TIMEOUT_S, poll_interval=0.01):
                if remove:
                    shutil.rmtree(self._folder, ignore_errors=True)
        except OSError as error:
            _logger.info("the spool folder %s stays for now: %s", self._folder, error)
        finally:
            self._owner.release()

    def _is_taken(self) -> bool:
        try:
            self._owner.acquire(timeout=0)
        except Timeout:
            return False
        return True


def spool_folders(folder: Path) -> list[Path]:
    """List the spools that are here: the folder itself, or those in it."""
    locks = [*folder.glob(_OWNER_LOCK), *folder.glob(f"*/{_OWNER_LOCK}")]
    return sorted(lock.parent for lock in locks)
