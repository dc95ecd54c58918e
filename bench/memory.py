"""The peak of a process's anonymous memory: what it allocates, files that it maps left out."""

from types import TracebackType

from search.workers.memory import own_bytes
from spaces.periodic import Periodic

SAMPLE_EVERY_S = 0.05


class AnonymousMemory:
    """Samples ``RssAnon`` of this process in a thread while it is entered.

    ``VmHWM``, the kernel's own peak, counts mapped files as well: those are the page cache's.
    """

    def __init__(self) -> None:
        self.peak_mb = 0.0
        self._thread = Periodic(self._sample, every_s=SAMPLE_EVERY_S, name="anonymous-memory")

    def __enter__(self) -> "AnonymousMemory":
        """Begin to sample."""
        self._sample()
        self._thread.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End sampling."""
        self._thread.__exit__(kind, error, trace)

    def _sample(self) -> None:
        self.peak_mb = max(self.peak_mb, anonymous_mb())


def anonymous_mb() -> float:
    """Read how much anonymous memory this process holds, in MB (10**6 bytes)."""
    return own_bytes() / 1e6
