"""Runs a command in a terminal of a given size, and says what came to be on it."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def run_in_terminal(
    command: Sequence[str],
    *,
    columns: int,
    lines: int,
    folder: Path,
    environment: Mapping[str, str],
) -> tuple[int, str]:
    """Give the exit code, and all that was written, with its control characters.

    Args:
        command: Its words.
        columns: Width of the terminal.
        lines: Its height.
        folder: Where it runs.
        environment: All variables that it has.
    """
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    known = {k: v for k, v in environment.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        command, stdin=its, stdout=its, stderr=its, cwd=folder, env={**known, "TERM": "xterm"}
    )
    os.close(its)
    written = bytearray()
    try:
        while chunk := _read(ours):
            written += chunk
        return process.wait(timeout=60), written.decode()
    finally:
        process.kill()
        os.close(ours)


def lines_of(written: str) -> list[str]:
    """Give the lines as they are read on the terminal, those that were overwritten too."""
    return re.split(r"[\r\n]+", CONTROL.sub("", written))


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        # Linux says so when nobody has the other end any more.
        return b""
