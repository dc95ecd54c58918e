"""Columns that take whatever Python holds: cleaned at the edge, the same for every database.

PostgreSQL refuses NUL characters and, in JSON, numbers that are not finite; SQLite takes both.
"""

import math
from collections.abc import Mapping
from typing import Any

from sqlalchemy import JSON, String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.types import Double, TypeDecorator


class CleanText(TypeDecorator[str]):
    """Text without NUL and lone surrogates, cut to the column's length where it has one.

    Args:
        length: The most characters; None for any number.
    """

    impl = Text
    cache_ok = True

    def __init__(self, length: int | None = None) -> None:
        super().__init__()
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> Any:  # noqa: ARG002
        """Give the type that the database knows."""
        # Not the dialect's own: PostgreSQL's for a text is the one that it calls VARCHAR.
        return Text() if self.length is None else String(self.length)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Clean a text on its way to the database."""
        return None if value is None else clean_text(value)[: self.length]


class CleanJson(TypeDecorator[Any]):
    """JSON in which texts are clean and numbers that are not finite are null."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """Clean a document on its way to the database."""
        return clean_json(value)


class CleanFloat(TypeDecorator[float]):
    """A number in double precision; one that is not finite is null."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:  # noqa: ARG002
        """Clean a number on its way to the database."""
        return None if value is None or not math.isfinite(value) else float(value)


def clean_text(text: str) -> str:
    """Take out what no database stores: NUL characters, and halves of surrogate pairs."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def clean_json(value: Any) -> Any:
    """Clean all texts and numbers of a document, keys included."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {clean_text(str(key)): clean_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean_json(item) for item in value]
    return value


class now_s(FunctionElement[float]):  # noqa: N801  (a function of SQL)
    """Seconds since 1970 by the database's own clock, the one clock that all workers share."""

    type = Double()
    inherit_cache = True


@compiles(now_s, "sqlite")
def _now_of_sqlite(_element: now_s, _compiler: SQLCompiler, **_options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now_s, "postgresql")
def _now_of_postgresql(_element: now_s, _compiler: SQLCompiler, **_options: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)"
