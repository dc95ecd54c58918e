"""A Ray of one machine for the tests of a session, on loopback alone, and sweeps for it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.disturbances.ray_nodes import RayNodes, keep_to_ourselves, started_nodes

keep_to_ourselves()
SIGNALS = "TINY_OBJECTIVE_FOLDER"


@pytest.fixture(scope="session")
def ray_signal_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the objectives of the cluster's workers look for what to do."""
    return tmp_path_factory.mktemp("ray-signals")


@pytest.fixture(scope="session")
def ray_cluster(ray_signal_folder: Path) -> Iterator[RayNodes]:
    """A cluster of one node with two CPU cores."""
    cluster = started_nodes({SIGNALS: str(ray_signal_folder)})
    yield cluster
    cluster.stop()


@pytest.fixture
def ray_signals(ray_cluster: RayNodes, ray_signal_folder: Path) -> Path:
    """The folder of the cluster's signals, empty."""
    for path in ray_signal_folder.iterdir():
        path.unlink()
    return ray_signal_folder


@pytest.fixture(params=["local", pytest.param("ray", marks=pytest.mark.acceptance)])
def engine(request: pytest.FixtureRequest) -> str:
    """The name of an engine, once of each."""
    return str(request.param)


@pytest.fixture
def workers(engine: str, request: pytest.FixtureRequest) -> dict[str, Any]:
    """The section of a sweep file for that engine."""
    if engine == "local":
        return {"engine": "local"}
    cluster: RayNodes = request.getfixturevalue("ray_cluster")
    return cluster.workers()


@pytest.fixture
def signals(engine: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the objectives of that engine's workers look for what to do."""
    if engine == "local":
        folder: Path = request.getfixturevalue("signal_folder")
        return folder
    found: Path = request.getfixturevalue("ray_signals")
    monkeypatch.setenv(SIGNALS, str(found))
    return found
