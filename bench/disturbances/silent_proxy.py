"""A network that goes silent: a proxy on loopback whose packets the kernel drops, unanswered."""

import ctypes
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# <asm-generic/socket.h> and <linux/filter.h>; Python has no names for them.
_SO_ATTACH_FILTER = 26
_SO_DETACH_FILTER = 27
_DROP_ALL = struct.pack("HBBI", 0x06, 0, 0, 0)  # BPF_RET | BPF_K, 0: of each packet keep nothing


class SilentProxy:
    """Passes bytes between TCP clients and a Unix socket, and can fall silent.

    While it is silent, not even the kernel answers: no packet is acknowledged, and no connection
    accepted or refused, as when a cable is pulled. A proxy that only kept the bytes would not do:
    the kernel would acknowledge them.

    Args:
        target: The Unix socket.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """Where clients connect."""
        return int(self._listener.getsockname()[1])

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Drop everything while the block runs."""
        program = ctypes.create_string_buffer(_DROP_ALL)
        drop = struct.pack("HP", 1, ctypes.addressof(program))
        for each in list(self._sockets):
            with suppress(OSError):  # It was closed.
                each.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, drop)
        try:
            yield
        finally:
            for each in list(self._sockets):
                with suppress(OSError):
                    each.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)

    def close(self) -> None:
        """End all connections."""
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                try:
                    server.connect(self._target)
                except OSError:  # Nobody listens there now.
                    client.close()
                    server.close()
                    continue
                self._sockets.append(client)
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=_pass_on, args=ends, daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while received := source.recv(1 << 16):
            target.sendall(received)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
