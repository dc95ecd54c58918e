"""What goes wrong while a worker runs: errors of databases, and all that is logged as a warning."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import IntegrityError

LONGEST = 200


class Troubles(logging.Handler):
    """Counts errors of any database of this process, those included that are tried again."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.errors: Counter[str] = Counter()
        self.conflicts: Counter[str] = Counter()
        """Of several that make the same thing at once, all but the first: they take that one."""
        self.warnings: Counter[str] = Counter()

    @contextmanager
    def watching(self) -> Iterator["Troubles"]:
        """Listen while the context lasts."""
        event.listen(Engine, "handle_error", self._on_error)
        logging.getLogger().addHandler(self)
        try:
            yield self
        finally:
            logging.getLogger().removeHandler(self)
            event.remove(Engine, "handle_error", self._on_error)

    def emit(self, record: logging.LogRecord) -> None:
        """Count a line of the log."""
        self.warnings[" ".join(record.getMessage().split())[:LONGEST]] += 1

    def as_dict(self) -> Mapping[str, Mapping[str, int]]:
        """Give all counts, by text."""
        return {
            "errors": dict(self.errors),
            "conflicts": dict(self.conflicts),
            "warnings": dict(self.warnings),
        }

    def _on_error(self, context: ExceptionContext) -> None:
        found = context.sqlalchemy_exception
        counter = self.conflicts if isinstance(found, IntegrityError) else self.errors
        counter[" ".join(str(context.original_exception).split())[:LONGEST]] += 1
