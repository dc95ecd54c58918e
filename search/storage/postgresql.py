"""Connections to PostgreSQL, and for how long a server may be slow, gone or frozen."""

import os
import time
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from sqlalchemy.engine import URL

import search
from spaces.errors import InputError

if TYPE_CHECKING:
    from psycopg.abc import PQGen

SILENCE_S = 15.0
"""Longer than a server takes to say by itself that a call was too slow."""
_SETTINGS = {
    "connect_timeout": 5,
    # A server that has gone without a word is noticed after some 10 s, whatever was being asked.
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "options": "-c statement_timeout=12000 -c lock_timeout=10000 "
    "-c idle_in_transaction_session_timeout=60000",
}
RV = TypeVar("RV")


class SilentServerError(psycopg.OperationalError):
    """A server whose kernel answers, but which says nothing itself."""


class ServerConnection(psycopg.Connection[Any]):
    """A connection that gives up a call to which no byte has come back for a while.

    The kernel of a frozen server, or a proxy before it, acknowledges all that is sent, so neither
    keepalives nor the limits of a statement end such a call.
    """

    def wait(self, gen: "PQGen[RV]", *args: Any, **kwargs: Any) -> RV:
        """Go through the steps of a call; every call to the server comes through here.

        Raises:
            SilentServerError: If the server said nothing for too long; the connection is closed.
        """
        try:
            return super().wait(_Watched(gen), *args, **kwargs)
        except SilentServerError:
            # What it says later would be taken for the answer to another call.
            self.pgconn.finish()
            raise


class _Watched(Generator[Any, Any, RV]):
    """The steps of a call, ended where nothing has moved for too long.

    An object, not a generator function: that would be over after a signal in it, and psycopg goes
    through the rest of the steps then.
    """

    def __init__(self, steps: "PQGen[RV]") -> None:
        self._steps = steps
        self._moved_s = time.monotonic()

    def send(self, ready: Any) -> Any:
        """Take a step; ``ready`` is 0 if the connection could neither be read nor written."""
        now_s = time.monotonic()
        if ready:
            self._moved_s = now_s
        elif now_s - self._moved_s > SILENCE_S:
            raise SilentServerError(f"the server has said nothing for {SILENCE_S:.0f} s")
        return self._steps.send(ready)

    def throw(self, *error: Any) -> Any:
        """Pass an exception on."""
        return self._steps.throw(*error)


def connecting(url: URL) -> Callable[[], ServerConnection]:
    """Give what opens a connection, for the ``creator`` of an engine.

    Raises:
        InputError: If an encrypted one would crash this process; see the package ``search``.
    """
    arguments, options = url.get_dialect()().create_connect_args(url)
    mode = options.get("sslmode") or os.environ.get("PGSSLMODE")
    is_remote = not str(options.get("host") or "/").startswith("/")
    if search.tensorflow_was_first and is_remote and mode != "disable":
        raise InputError(
            "TensorFlow was imported before foldsweep, and the PostgreSQL driver then crashes when "
            "it opens an encrypted connection. Import search first, or write ?sslmode=disable into "
            "the storage's URL where the network is trusted."
        )
    # A person's own settings in the URL win.
    return partial(ServerConnection.connect, *arguments, **{**_SETTINGS, **options})
