"""A worker whose memory has grown is replaced between trials: its process is started anew.

TensorFlow keeps what it has compiled, and a heap with holes in it stays large, so a process that
trains for days grows, however careful its code is. A new process in the place of the old one, with
the same number, gives everything back.
"""

import ctypes
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Never

import psutil

MAX_GROWTH = 1.1
NOISE_BYTES = 64_000_000
"""Of so little more, no process is worth a new start."""
SETTLED_AFTER = 5
"""Trials, after which all that a sweep needs in memory has been there."""


def own_bytes() -> int:
    """Measure the memory that this process holds for itself.

    Files that it maps are left out where the system tells them apart (Linux): they are the page
    cache's, and make room by themselves.
    """
    held = psutil.Process().memory_info()
    return int(held.rss - getattr(held, "shared", 0))


def give_back_freed() -> None:
    """Let the allocator return to the system what the process has freed, where it can (glibc)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def start_anew() -> Never:
    """Run the command of this process again, as the same process with nothing in memory."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


@dataclass
class MemoryGrowth:
    """What a process holds after each trial, beside what it held after its first ones.

    Args:
        read: Measures it in bytes.
    """

    read: Callable[[], int] = own_bytes
    _held: list[int] = field(default_factory=list)

    def note_trial(self) -> bool:
        """Note that a trial has ended; True if a tenth has been added by now."""
        give_back_freed()
        self._held.append(self.read())
        if len(self._held) <= SETTLED_AFTER:
            return False
        settled = self._held[SETTLED_AFTER - 1]
        return self._held[-1] - settled > max(NOISE_BYTES, (MAX_GROWTH - 1) * settled)
