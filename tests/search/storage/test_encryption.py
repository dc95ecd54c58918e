"""A storage URL that asks for encryption is taken at its word: nothing is said without it."""

import socket
import threading
from pathlib import Path

import psycopg
import pytest

from search.storage.postgresql import connecting
from search.storage_url import parse_storage_url

SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""What a client says first if it wants TLS: a length of 8 and the number 80877103."""


def test_the_options_of_encryption_stay_in_the_url() -> None:
    url = "postgresql://ann@db.example/sweeps?sslmode=verify-full&sslrootcert=/etc/ca.crt"
    parsed = parse_storage_url(url)
    assert dict(parsed.query) == {"sslmode": "verify-full", "sslrootcert": "/etc/ca.crt"}


@pytest.mark.parametrize("options", ["sslmode=verify-full&sslrootcert={file}", "sslmode=require"])
def test_a_server_without_tls_hears_no_name_and_no_password(options: str, tmp_path: Path) -> None:
    certificate = tmp_path / "ca.crt"
    certificate.touch()
    heard = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse_tls() -> None:
            client, _ = listener.accept()
            with client:
                heard.extend(client.recv(8))
                client.sendall(b"N")
                while more := client.recv(1024):
                    heard.extend(more)

        server = threading.Thread(target=refuse_tls, daemon=True)
        server.start()
        port = listener.getsockname()[1]
        address = f"postgresql://ann:s3cret@127.0.0.1:{port}/sweeps?{options}"
        url = parse_storage_url(address.format(file=certificate))
        with pytest.raises(psycopg.OperationalError, match="does not support SSL"):
            connecting(url)()
        server.join(timeout=10)
    assert bytes(heard) == SSL_REQUEST
