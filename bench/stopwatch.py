"""Seconds by what they were spent on: functions of the product, timed from outside."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

Target = tuple[Any, str, str]
"""A class or module, the name of one of its functions, and what to book its seconds on."""


class Stopwatch:
    """Wraps functions so that it knows how long they took.

    Several threads may be inside watched functions at once, so the seconds may add up to more than
    passed; a function that calls another watched one holds its seconds as well.
    """

    def __init__(self) -> None:
        self.wall_s: defaultdict[str, float] = defaultdict(float)
        self.calls: defaultdict[str, list[tuple[Any, float]]] = defaultdict(list)
        """For each name what was given first (``self`` of a method) and the seconds, in order."""
        self._lock = threading.Lock()

    @contextmanager
    def watching(self, targets: list[Target]) -> Iterator["Stopwatch"]:
        """Watch functions while the context lasts."""
        originals = [(owner, name, getattr(owner, name)) for owner, name, _ in targets]
        for (owner, name, label), (_, _, original) in zip(targets, originals, strict=True):
            setattr(owner, name, self._watched(original, label))
        try:
            yield self
        finally:
            for owner, name, original in originals:
                setattr(owner, name, original)

    def _watched(self, function: Callable[..., Any], label: str) -> Callable[..., Any]:
        @wraps(function)
        def watched(*args: Any, **kwargs: Any) -> Any:
            began_s = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self._book(label, args[0] if args else None, time.perf_counter() - began_s)

        return watched

    def _book(self, label: str, first: Any, seconds: float) -> None:
        with self._lock:
            self.wall_s[label] += seconds
            self.calls[label].append((first, seconds))
