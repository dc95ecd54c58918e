"""A real MLflow server on loopback that may be killed and started again."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from mlruns_config.server import BACKEND_VARIABLE, WITHOUT_JOBS, server_command
from mlruns_config.settings import TrackingSettings


def free_port() -> int:
    """Find a port of loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


class MlflowServer:
    """An MLflow server with a SQLite file.

    Args:
        folder: Where its files lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.settings = TrackingSettings(f"http://127.0.0.1:{self.port}", artifact_root=None)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        backend = f"sqlite:///{self.folder}/server.db"
        environment = {BACKEND_VARIABLE: backend, "MLFLOW_WORKERS": "1", **WITHOUT_JOBS}
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                server_command(str(self.folder / "artifacts"), port=self.port),
                env={**os.environ, **environment, "MLFLOW_DISABLE_TELEMETRY": "true"},
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self.folder,
            )
        self._wait_until_it_answers()

    def kill(self) -> None:
        """Kill it with all its processes."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _wait_until_it_answers(self) -> None:
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"{self.settings.uri}/health", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise TimeoutError((self.folder / "server.log").read_text())
