"""A Ray of one machine for the tests of a session, on loopback alone, and sweeps for it."""

import os
import secrets
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# Before the first import of ray. A token of these tests' own, so that none is written to anybody's
# home, and no developer's cluster is reached.
os.environ["RAY_AUTH_MODE"] = "token"
os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ.pop("RAY_ADDRESS", None)

HERE = Path(__file__).parent
# Ray takes 127.0.0.1 for the machine's outer address on Linux. macOS has no other loopback.
LOOPBACK = "127.0.0.1" if sys.platform == "darwin" else "127.0.0.2"


class RayCluster:
    """Nodes that are processes of this machine.

    Args:
        signal_folder: Where the objectives of all workers look for what to do.
        options: Of the first node.
    """

    def __init__(self, signal_folder: Path, **options: Any) -> None:
        from ray.cluster_utils import Cluster

        self.signal_folder = signal_folder
        # Sockets lie in it, whose paths must be short.
        self._folder = tempfile.TemporaryDirectory(prefix="fs-ray-", ignore_cleanup_errors=True)
        self._cluster = Cluster()
        options = {"num_cpus": 2, **options}
        self.add_node(include_dashboard=False, temp_dir=self._folder.name, **options)

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def add_node(self, **options: Any) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TINY_OBJECTIVE_FOLDER", str(self.signal_folder))
            gpu_ids = ",".join(map(str, range(options.get("num_gpus", 0))))
            patch.setenv("CUDA_VISIBLE_DEVICES", gpu_ids or "-1")
            return self._cluster.add_node(node_ip_address=LOOPBACK, **options)

    def kill_node(self, node: Any) -> None:
        """Kill a node's processes; nothing of them runs its end."""
        self._cluster.remove_node(node, allow_graceful=False)
        self._cluster.wait_for_nodes()

    def stop(self) -> None:
        self._cluster.shutdown()
        self._folder.cleanup()

    def workers(self, **others: Any) -> dict[str, Any]:
        """Give the section of a sweep file."""
        section = {"engine": "ray", "address": self.address, "gpus_per_worker": 0}
        return {**section, **others}


def started_cluster(signal_folder: Path, **options: Any) -> RayCluster:
    """Start a cluster; Ray gives a first node 30 s, which a busy machine may take for itself."""
    for attempts_left in (2, 1, 0):
        try:
            return RayCluster(signal_folder, **options)
        except Exception as error:
            if not attempts_left or "timed out during startup" not in str(error):
                raise
    raise AssertionError("unreachable")


@pytest.fixture(scope="session")
def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayCluster]:
    """A cluster of one node with two CPU cores."""
    cluster = started_cluster(tmp_path_factory.mktemp("ray-signals"))
    yield cluster
    cluster.stop()


@pytest.fixture
def ray_signals(ray_cluster: RayCluster) -> Path:
    """Where the objectives of the cluster's workers look for what to do, empty."""
    for path in ray_cluster.signal_folder.iterdir():
        path.unlink()
    return ray_cluster.signal_folder


@pytest.fixture(params=["local", pytest.param("ray", marks=pytest.mark.acceptance)])
def engine(request: pytest.FixtureRequest) -> str:
    """The name of an engine, once of each."""
    return str(request.param)


@pytest.fixture
def workers(engine: str, request: pytest.FixtureRequest) -> dict[str, Any]:
    """The section of a sweep file for that engine."""
    if engine == "local":
        return {"engine": "local"}
    cluster: RayCluster = request.getfixturevalue("ray_cluster")
    return cluster.workers()


@pytest.fixture
def signals(engine: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the objectives of that engine's workers look for what to do."""
    if engine == "local":
        folder: Path = request.getfixturevalue("signal_folder")
        return folder
    found: Path = request.getfixturevalue("ray_signals")
    monkeypatch.setenv("TINY_OBJECTIVE_FOLDER", str(found))
    return found
