"""The proxy that the faults of a network are made with."""

import socket
from pathlib import Path

from tests.search.faults.partition import silent_proxy

TIMEOUT_S = 10


def test_it_goes_on_when_its_target_was_away_and_is_back(tmp_path: Path) -> None:
    target = tmp_path / "target"
    with silent_proxy(str(target)) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port), TIMEOUT_S) as client:
            assert client.recv(1) == b""
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(target))
            listener.listen()
            listener.settimeout(TIMEOUT_S)
            with socket.create_connection(("127.0.0.1", proxy.port), TIMEOUT_S) as client:
                client.sendall(b"here")
                server, _ = listener.accept()
                with server:
                    assert server.recv(4) == b"here"
