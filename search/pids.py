"""Processes of this machine: which are the same, and which still live.

A process number means something only under one boot of one kernel, and in one PID namespace:
containers of one host, or of several with one name, may all have a process 7.
"""

from functools import cache
from pathlib import Path

import psutil

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PID_NAMESPACE = Path("/proc/self/ns/pid")


@cache
def machine_id() -> str:
    """Name the boot and the PID namespace that this process runs in.

    Where there are no such files (macOS), the time of the boot stands for both.
    """
    try:
        return f"{_BOOT_ID.read_text().strip()} {_PID_NAMESPACE.readlink()}"
    except OSError:
        return f"booted {psutil.boot_time():.0f}"


def lives(pid: int, started_at: float) -> bool:
    """Say whether a process of this machine still runs.

    Args:
        pid: Its number.
        started_at: When it was started, in seconds since 1970, which tells it from a later one.
    """
    try:
        process = psutil.Process(pid)
        # Clocks drift a little between two readings of the same start.
        same = abs(process.create_time() - started_at) < 2.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
