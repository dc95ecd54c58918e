import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from search.cli.ui import FIRST_PORT, port_to_use
from spaces.errors import InputError
from tests.search.cli.conftest import Run

SERVE = """
import signal, sys
from search.cli.exits import ExitCodes
from search.cli.ui import _serve
with ExitCodes():
    _serve([sys.executable, "-c", {child!r}])
"""


def listening() -> tuple[socket.socket, int]:
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()
    return server, int(server.getsockname()[1])


def test_a_port_that_is_taken_is_refused_and_a_free_one_is_found() -> None:
    server, port = listening()
    with closing(server), pytest.raises(InputError, match=f"port {port} of 127.0.0.1 is taken"):
        port_to_use("127.0.0.1", port)
    assert port_to_use("127.0.0.1", port) == port
    assert port_to_use("127.0.0.1", None) >= FIRST_PORT


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(InputError, match="no address of this machine"):
        port_to_use("192.0.2.1", 5000)


def test_a_server_that_has_a_ui_is_named_instead_of_starting_another(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@mlflow.example:5000")
    answer = run("ui")
    assert answer.code == 0
    assert "mlflow.example:5000" in answer.out
    assert "secret" not in answer.out + answer.err


def test_ending_the_command_ends_the_server_and_its_children(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    child = (
        "import subprocess, sys, pathlib;"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        f"pathlib.Path({str(note)!r}).write_text(str(p.pid)); p.wait()"
    )
    script = SERVE.format(child=child)
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while not (note.exists() and note.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 130
    grandchild = Path("/proc") / note.read_text()
    while _runs(grandchild) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(grandchild)


def _runs(process: Path) -> bool:
    try:
        return "State:\tZ" not in (process / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_server_that_fails_is_told_with_its_code(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SERVE.format(child="raise SystemExit(3)")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "ended with code 3" in done.stderr
