"""What a node does for a launcher: which home its workers get, and that it needs no foldsweep."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from search.engines.ray_host import RayHost, WorkerOrder, home_of_node
from search.home import claim_home


def test_a_node_uses_the_home_that_it_was_started_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launchers = tmp_path / "launcher"
    claim_home(launchers)
    monkeypatch.setenv("FOLDSWEEP_HOME", str(tmp_path / "own"))
    assert home_of_node(launchers) == tmp_path / "own"


def test_else_the_launchers_where_it_lies_there_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FOLDSWEEP_HOME", raising=False)
    claim_home(tmp_path / "launcher")
    assert home_of_node(tmp_path / "launcher") == tmp_path / "launcher"


def test_else_one_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a folder of that name is something else."""
    monkeypatch.setenv("FOLDSWEEP_HOME", " ")
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    (tmp_path / "launcher").mkdir()
    for launchers in ("launcher", "nowhere"):
        assert home_of_node(tmp_path / launchers) == tmp_path / "user" / "foldsweep-home"


@pytest.mark.slow
def test_what_travels_to_a_node_needs_no_foldsweep_there() -> None:
    from ray import cloudpickle

    from search.engines.ray import send_by_value

    send_by_value()
    order = WorkerOrder(0, "tiny", "sweep: tiny", "home", {}, (), 0.0, "code")
    sent = cloudpickle.dumps((RayHost, order))
    receive = (
        "import pickle, sys\n"
        "sys.modules['search'] = None\n"
        "host, order = pickle.load(sys.stdin.buffer)\n"
        "print(host(order).where(), order.folder)"
    )
    received = subprocess.run(
        [sys.executable, "-c", receive], input=sent, capture_output=True, check=True
    )
    assert received.stdout.decode().split() == [socket.gethostname(), "tiny"]
