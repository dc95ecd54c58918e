"""Which database FOLDSWEEP_STORAGE_URL names, checked before anything connects to it."""

import re
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from spaces.errors import InputError
from spaces.redact import redact

_DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}
_ADVICE = "write 'sqlite:///PATH' or 'postgresql://USER:PASSWORD@HOST/NAME'"
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffd]")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_.])?|[0-9A-Fa-f:.]+(%\w+)?")


def parse_storage_url(url: str) -> URL:
    """Check a storage URL and complete it: with the driver, and an absolute path for SQLite.

    Args:
        url: ``sqlite:///PATH`` or ``postgresql://USER:PASSWORD@HOST/NAME``.

    Raises:
        InputError: If it names no database that we can use; without the password.
    """
    try:
        parsed = make_url(url)
    except (SQLAlchemyError, ValueError):
        # A bad port or IPv6 address is a ValueError.
        raise _refused(url, f"it is no database URL: {_ADVICE}") from None
    backend = parsed.drivername.partition("+")[0]
    if backend not in _DRIVERS:
        raise _refused(url, f"its kind of database is not supported: {_ADVICE}")
    if any(_UNWRITABLE.search(part) for part in (url, *_parts(parsed))):
        raise _refused(url, "it holds control characters, or bytes that are no text in UTF-8")
    completed = parsed.set(drivername=_DRIVERS[backend])
    return _with_file(url, completed) if backend == "sqlite" else _with_server(url, completed)


def _with_file(url: str, parsed: URL) -> URL:
    if parsed.database in (None, "", ":memory:"):
        raise _refused(url, "it names no file: write 'sqlite:///PATH'")
    if parsed.host is not None or parsed.username is not None:
        raise _refused(url, "a SQLite file has no host: write three slashes before its path")
    if "?" in url:
        raise _refused(url, "a SQLite file takes no options: write a '?' in its path as %3F")
    try:
        return parsed.set(database=str(Path(str(parsed.database)).expanduser().absolute()))
    except RuntimeError as error:  # ~nobody
        raise _refused(url, str(error).rstrip(".").lower()) from None


def _with_server(url: str, parsed: URL) -> URL:
    host = parsed.host
    if host is not None and "@" in host:
        # Everything up to the last @ may be password, and the driver would print its second half.
        raise _refused(url, "it has more than one '@': write the one in the password as %40")
    if host is not None and not _HOST.fullmatch(host):
        raise _refused(url, "its host is neither a name in ASCII nor an address")
    if parsed.port is not None and not 0 < parsed.port < 2**16:
        raise _refused(url, "its port is not between 1 and 65535")
    if not (parsed.database or "").strip():
        raise _refused(url, "it names no database: write 'HOST/NAME'")
    twice = [name for name, value in parsed.query.items() if not isinstance(value, str)]
    if set(twice) - {"host", "port"}:
        raise _refused(url, f"its option {twice[0]!r} stands twice")
    try:
        # libpq knows which options there are; nothing connects yet.
        make_conninfo(**_driver_arguments(parsed))
    except (psycopg.Error, SQLAlchemyError, ValueError) as error:
        reason = redact(" ".join(str(error).split()).rstrip("."), url)
        raise _refused(url, f"its options are wrong: {reason}") from None
    return parsed


def _driver_arguments(parsed: URL) -> dict[str, Any]:
    _, arguments = parsed.get_dialect()().create_connect_args(parsed)
    return dict(arguments)


def _parts(parsed: URL) -> list[str]:
    """List what stands decoded in a URL."""
    found = (parsed.username, parsed.password, parsed.host, parsed.database)
    options = [text for pair in parsed.normalized_query.items() for text in (pair[0], *pair[1])]
    return [str(part) for part in found if part is not None] + options


def _refused(url: str, problem: str) -> InputError:
    return InputError(f"FOLDSWEEP_STORAGE_URL = {redact(url, url)!r} will not do: {problem}.")
