"""Runs a server as long as the command that started it."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from spaces.errors import UnavailableError

STOP_TIMEOUT_S = 10
STDERR = 2


def run_server(
    command_line: Sequence[str],
    name: str,
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> None:
    """Run a server until it ends or this process is interrupted, SIGTERM included.

    Args:
        command_line: What starts it; its output goes to standard error.
        name: What to call it in an error.
        environment: Its variables; None gives it those of this process.
        folder: Where it runs; None leaves it in this process's.

    Raises:
        KeyboardInterrupt: If this process is interrupted; the server has ended then.
        UnavailableError: If it ends with another code than 0.
    """
    # A session of its own, so that ending it reaches the server's children too.
    with (
        subprocess.Popen(
            command_line, stdout=STDERR, env=environment, cwd=folder, start_new_session=True
        ) as server,
        _ended_with_us(server),
        termination_as_interrupt(),
    ):
        code = server.wait()
    if code:
        raise UnavailableError(f"{name} ended with code {code}; its log is above.")


@contextmanager
def _ended_with_us(server: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)


@contextmanager
def termination_as_interrupt() -> Iterator[None]:
    """Let SIGTERM raise KeyboardInterrupt in this block, so that what is open is closed."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
