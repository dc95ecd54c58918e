"""Ctrl-C, SIGTERM and SIGHUP: the first ends a process in good order, the second at once.

Good order takes a few seconds at most, whatever hangs: a thread that waits for the signal itself
ends the process when the time is up, even where the main thread is inside of a call that does not
come back, such as a long operation of TensorFlow or a connection into the void.
"""

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Never

EXIT_INTERRUPTED = 130
WORKER_GRACE_S = 8.0
LAUNCHER_GRACE_S = 9.8
"""Longer than a worker's: the launcher waits for its workers."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def leave_interrupted() -> Never:
    """End an interrupted process whose work is in good order, whatever its threads still do.

    A view may be in the making, for longer than whoever sent the signal waits.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(EXIT_INTERRUPTED)


@contextmanager
def orderly_interruption(grace_s: float = WORKER_GRACE_S) -> Iterator[None]:
    """Turn the first signal into KeyboardInterrupt, and end the process soon after it.

    Only the main thread can receive signals; elsewhere this does nothing.

    Args:
        grace_s: How long the block may take to end once a signal has come.

    Raises:
        KeyboardInterrupt: After a signal, whatever else went wrong because of it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received = 0

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        nonlocal received
        received += 1
        if received > 1:
            os._exit(EXIT_INTERRUPTED)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, on_signal) for number in _SIGNALS}
    try:
        with _deadline(grace_s):
            yield
    except Exception as error:
        if received:
            raise KeyboardInterrupt from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _deadline(grace_s: float) -> Iterator[None]:
    """End the process when the block has not ended in time after a signal."""
    # Python writes a byte there for each signal, from the signal itself and not from a handler,
    # which would wait for the main thread.
    waiting, written = socket.socketpair()
    written.setblocking(False)
    before = signal.set_wakeup_fd(written.fileno(), warn_on_full_buffer=False)
    ended = threading.Event()

    def watch() -> None:
        numbers = {int(number) for number in _SIGNALS}
        while received := waiting.recv(1):
            if received[0] in numbers:
                if not ended.wait(grace_s):
                    os._exit(EXIT_INTERRUPTED)
                return

    thread = threading.Thread(target=watch, name="interruption", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(before)
        written.close()
        thread.join(timeout=1.0)
        waiting.close()
