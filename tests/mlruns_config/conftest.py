"""MLflows for the outbox: one in a file, one that is dead, and two that never answer."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from mlruns_config.client import connect
from mlruns_config.settings import TrackingSettings
from tests.mlruns_config.mlflow_server import free_port


@pytest.fixture
def dead() -> TrackingSettings:
    return TrackingSettings(f"http://ann:p@s5w0rd@127.0.0.1:{free_port()}", None)


@pytest.fixture
def silent() -> Iterator[TrackingSettings]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield TrackingSettings(f"http://127.0.0.1:{listener.getsockname()[1]}", None)


@pytest.fixture
def black_hole() -> Iterator[TrackingSettings]:
    """An address that does not even take or refuse a connection."""
    with ExitStack() as opened:
        listener = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listener.getsockname()
        while True:
            waiting = opened.enter_context(socket.socket())
            waiting.settimeout(0.3)
            try:
                waiting.connect(address)
            except TimeoutError:
                break
        yield TrackingSettings(f"http://127.0.0.1:{address[1]}", None)


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> TrackingSettings:
    settings = TrackingSettings.from_environment(tmp_path_factory.mktemp("home"))
    connect(settings)
    return settings
