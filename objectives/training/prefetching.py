"""Makes what the next epoch reads while the present one trains."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class Prefetcher:
    """Makes the view of the next epoch while the present one trains: at most one ahead.

    A context manager. Its end waits for what is being made, but not after a signal: a view may take
    a minute, and whoever was interrupted has seconds.
    """

    def __init__(self, make: Callable[[int], Any], n_epochs: int) -> None:
        self._make = make
        self._n_epochs = n_epochs
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
        self._next: tuple[int, Future[Any]] | None = None

    def get(self, epoch: int) -> Any:
        """Give what ``make(epoch)`` makes, and begin with the epoch after it."""
        if self._next is not None and self._next[0] == epoch:
            made = self._next[1].result()
        else:
            made = self._make(epoch)
        self._next = None
        if epoch + 1 < self._n_epochs:
            self._next = (epoch + 1, self._pool.submit(self._make, epoch + 1))
        return made

    def __enter__(self) -> "Prefetcher":
        """Give itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Begin with nothing more."""
        self._pool.shutdown(wait=kind is not KeyboardInterrupt, cancel_futures=True)
