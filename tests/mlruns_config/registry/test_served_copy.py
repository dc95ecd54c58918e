"""What MLflow's model server is given: the checked file, and nothing else of the registry."""

import sys
from pathlib import Path

import mlflow
import numpy as np
import pytest

from mlruns_config.registry.keras_file import file_digest
from mlruns_config.registry.loading import load_version
from mlruns_config.registry.served_copy import served_folder, write_served_copy
from mlruns_config.registry.versions import Version
from mlruns_config.settings import TrackingSettings
from tests.mlruns_config.hostile_models import (
    ATTACKS,
    CLASSES,
    plain_model,
    register_attack,
    save,
)

pytestmark = pytest.mark.slow

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 21, 30, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> TrackingSettings:
    folder = tmp_path_factory.mktemp("mlflow")
    return TrackingSettings(f"sqlite:///{folder}/mlflow.db", str(folder / "artifacts"))


def registered(tracking: TrackingSettings, name: str, folder: Path) -> Version:
    """A genuine file, beside a flavour that runs code."""

    def fill(model: Path, canary: Path) -> None:
        save(model, plain_model())
        ATTACKS["pyfunc_loader"](model, canary)

    return register_attack(tracking, name, fill, folder / "model", folder / "canary")


def test_the_copy_answers_by_name_and_runs_nothing_of_the_registry(
    tracking: TrackingSettings, tmp_path: Path
) -> None:
    version = registered(tracking, "both", tmp_path)
    copy = tmp_path / "copy"
    copy.mkdir()
    assert write_served_copy(tracking, version.uri, copy).number == version.number
    served = mlflow.pyfunc.load_model(str(served_folder(copy)), suppress_warnings=True)
    table = served.predict(IMAGES)
    assert tuple(table.columns) == CLASSES
    loaded = load_version(tracking, version.uri, copy)
    np.testing.assert_allclose(table.to_numpy(), loaded.classifier.predict(IMAGES), atol=1e-6)
    assert not (tmp_path / "canary").exists()
    assert "evil_loader" not in sys.modules
    assert list(served_folder(copy).rglob("evil_loader.py")) == []


def test_a_version_is_loaded_with_its_file_and_digest(
    tracking: TrackingSettings, tmp_path: Path
) -> None:
    version = registered(tracking, "whole", tmp_path)
    copy = tmp_path / "copy"
    copy.mkdir()
    loaded = load_version(tracking, version.uri, copy)
    assert loaded.version == version
    assert file_digest(loaded.path) == loaded.digest
    assert loaded.path.is_relative_to(copy)
