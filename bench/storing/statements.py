"""Statements, transactions and time of one database, by the thread that asks."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, event

NOT_COUNTED = ("BEGIN", "PRAGMA")


class Statements:
    """Counts what this process asks of a database.

    Args:
        url: The database's; what others are asked does not count.
    """

    def __init__(self, url: URL) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._local = threading.local()
        self.statements: Counter[str] = Counter()
        self.transactions: Counter[str] = Counter()
        self.client_ms: Counter[str] = Counter()
        """How long the threads waited for answers."""
        self.texts: Counter[str] = Counter()

    @contextmanager
    def watching(self) -> Iterator["Statements"]:
        """Count while the context lasts."""
        listeners = {
            "before_cursor_execute": self._begin,
            "after_cursor_execute": self._end,
            "commit": self._end_transaction,
            "rollback": self._end_transaction,
        }
        for name, listener in listeners.items():
            event.listen(Engine, name, listener)
        try:
            yield self
        finally:
            for name, listener in listeners.items():
                event.remove(Engine, name, listener)

    def of_all_but(self, *threads: str) -> tuple[float, float, float]:
        """Sum statements, transactions and milliseconds of all threads but some."""
        counters: tuple[Counter[Any], ...] = (self.statements, self.transactions, self.client_ms)
        statements, transactions, client_ms = (
            float(sum(count for thread, count in counter.items() if thread not in threads))
            for counter in counters
        )
        return statements, transactions, client_ms

    def _begin(self, *_call: Any) -> None:
        self._local.began_s = time.perf_counter()

    def _end(self, connection: Connection, _cursor: Any, statement: str, *_others: Any) -> None:
        if connection.engine.url != self._url or statement.startswith(NOT_COUNTED):
            return
        seconds = time.perf_counter() - self._local.began_s
        thread = threading.current_thread().name
        with self._lock:
            self.statements[thread] += 1
            self.client_ms[thread] += 1000 * seconds
            self.texts[" ".join(statement.split())] += 1

    def _end_transaction(self, connection: Connection) -> None:
        if connection.engine.url == self._url:
            with self._lock:
                self.transactions[threading.current_thread().name] += 1
