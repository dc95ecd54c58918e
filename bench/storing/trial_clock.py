"""When each trial of a worker ended, and how long it took besides its objective."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bench.storing import objective
from search.workers.shares import Turn
from search.workers.worker import Worker


class TrialClock:
    """Times the trials of a worker of this process, from the claim until Optuna was told."""

    def __init__(self) -> None:
        self.ended_s: list[float] = []
        """By the clock that all processes of a machine share."""
        self.service_ms: list[float] = []
        self._claim_s = 0.0
        self._objective_s = 0.0

    @contextmanager
    def watching(self) -> Iterator["TrialClock"]:
        """Watch while the context lasts."""
        with (
            replaced(Turn, "claim", self._claiming),
            replaced(Worker, "_run_trial", self._running),
            replaced(objective, "score", self._scoring),
        ):
            yield self

    def note(self, seconds: float) -> None:
        """Count a trial that has ended just now."""
        self.ended_s.append(time.monotonic())
        self.service_ms.append(1000 * seconds)

    def as_dict(self) -> Mapping[str, Any]:
        """Give it as plain data."""
        return {"ended_s": self.ended_s, "service_ms": self.service_ms}

    def _claiming(self, claim: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            began_s = time.perf_counter()
            slot = claim(*arguments)
            # Where there was none, the next claim is another one.
            self._claim_s = time.perf_counter() - began_s
            return slot

        return timed

    def _running(self, run: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> None:
            began_s = time.perf_counter()
            self._objective_s = 0.0
            run(*arguments)
            self.note(time.perf_counter() - began_s + self._claim_s - self._objective_s)

        return timed

    def _scoring(self, score: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            began_s = time.perf_counter()
            result = score(*arguments)
            self._objective_s += time.perf_counter() - began_s
            return result

        return timed


@contextmanager
def replaced(owner: Any, name: str, make: Callable[[Any], Any]) -> Iterator[None]:
    """Put something made of an attribute in its place while the context lasts."""
    original = getattr(owner, name)
    setattr(owner, name, make(original))
    try:
        yield
    finally:
        setattr(owner, name, original)
