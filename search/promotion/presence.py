"""That a promotion is alive, as a lock on a file: the system drops it with the process.

So whether a promotion that left its run open still works is known for certain on its own machine,
without clocks, host names or process numbers; elsewhere it is left alone.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def present(folder: Path) -> Iterator[str]:
    """Be known as alive under a name of one's own until the block ends.

    The file stays behind: only :func:`settle_absent` knows that everything has been settled.

    Args:
        folder: That of the sweep's promotions on this machine; it is made if need be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = uuid.uuid4().hex
    with FileLock(folder / f"{name}.lock"):
        yield name


def is_anyone_present(folder: Path) -> bool:
    """Say whether a promotion is alive on this machine.

    Args:
        folder: As of :func:`present`.
    """
    for path in folder.glob("*.lock"):
        try:
            with FileLock(path, blocking=False):
                continue
        except Timeout:
            return True
    return False


def settle_absent(folder: Path, settle: Callable[[str], None]) -> None:
    """Settle what promotions have left whose process is gone, and forget them.

    Args:
        folder: As of :func:`present`.
        settle: Gets the name of each; if it raises, the promotion is settled another time.
    """
    for path in sorted(folder.glob("*.lock")):
        try:
            with FileLock(path, blocking=False):
                settle(path.stem)
                path.unlink(missing_ok=True)
        except Timeout:
            continue  # Its process lives.
