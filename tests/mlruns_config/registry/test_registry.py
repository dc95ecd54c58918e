import os
from pathlib import Path

import keras
import mlflow
import numpy as np
import pytest

from mlruns_config.client import ensure_experiment
from mlruns_config.registry.loading import load_classifier
from mlruns_config.registry.promotion_run import PromotionRun
from mlruns_config.registry.registry import (
    find_alias,
    log_classifier,
    move_alias,
    register,
    registry,
    tag_version,
)
from mlruns_config.registry.saved_classifier import Classifier
from mlruns_config.registry.verification import verify_version
from mlruns_config.registry.versions import LoggedClassifier, Version
from mlruns_config.settings import TrackingSettings
from spaces.errors import InputError, RefusedError, UnavailableError

pytestmark = pytest.mark.slow

CLASSES = ("lymphocyte", "eosinophil", "red cell")


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> TrackingSettings:
    folder = tmp_path_factory.mktemp("mlflow")
    return TrackingSettings(f"sqlite:///{folder}/mlflow.db", str(folder / "artifacts"))


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(0)
    images = keras.Input((None, None, 3), dtype="uint8", name="images")
    x = keras.layers.Rescaling(1 / 255)(keras.layers.Resizing(24, 24)(images))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3, activation="relu")(x))
    x = keras.layers.Dense(len(CLASSES), kernel_initializer=keras.initializers.RandomNormal(0, 3))(
        x
    )
    return keras.Model(images, keras.layers.Softmax(dtype="float32")(x))


@pytest.fixture(scope="module")
def run(tracking: TrackingSettings) -> PromotionRun:
    experiment_id = ensure_experiment(tracking, "cells", {})
    return PromotionRun.start(tracking, experiment_id, "promote-cells-trial-3", {"kind": "test"})


@pytest.fixture(scope="module")
def logged(tracking: TrackingSettings, model: keras.Model, run: PromotionRun) -> LoggedClassifier:
    classifier = Classifier(model, CLASSES)
    return log_classifier(tracking, run.run_id, classifier, example=_images(1, 24, 24))


@pytest.fixture(scope="module")
def version(tracking: TrackingSettings, logged: LoggedClassifier) -> Version:
    return register(tracking, "cells", logged, {"sweep": "cells"})


def _images(count: int, height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(height * width)
    return rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def test_mlflows_own_loaders_give_the_keras_model_and_named_probabilities(
    tracking: TrackingSettings, model: keras.Model, version: Version
) -> None:
    images = _images(5, 30, 41)
    expected = model.predict(images, verbose=0)
    with registry(tracking):
        plain = mlflow.keras.load_model(version.uri)
        named = mlflow.pyfunc.load_model(version.uri, suppress_warnings=True)
    np.testing.assert_allclose(plain.predict(images, verbose=0), expected, atol=1e-6)
    table = named.predict(images)
    assert tuple(table.columns) == CLASSES
    np.testing.assert_allclose(table.to_numpy(), expected, atol=1e-6)


def test_signature_example_and_exact_requirements_are_kept(
    tracking: TrackingSettings, version: Version
) -> None:
    with registry(tracking):
        about = mlflow.models.get_model_info(version.uri)
        folder = Path(mlflow.artifacts.download_artifacts(version.uri))
    assert about.signature.inputs.to_dict()[0]["tensor-spec"] == {
        "dtype": "uint8",
        "shape": (-1, -1, -1, 3),
    }
    assert tuple(about.signature.outputs.input_names()) == CLASSES
    assert about.saved_input_example_info is not None
    required = (folder / "requirements.txt").read_text().split()
    assert f"keras=={keras.__version__}" in required
    assert all("==" in line for line in required)
    assert any(line.startswith("tensorflow") for line in required)


def test_the_run_shows_the_model_that_it_made(
    tracking: TrackingSettings, version: Version, run: PromotionRun
) -> None:
    with registry(tracking) as client:
        assert client.get_run(run.run_id).outputs.model_outputs
        assert client.get_run(run.run_id).info.run_name == "promote-cells-trial-3"
        assert client.get_model_version("cells", str(version.number)).run_id == run.run_id


def test_an_alias_is_found_once_it_is_there(tracking: TrackingSettings, version: Version) -> None:
    assert find_alias(tracking, "nobody", "champion") is None
    assert find_alias(tracking, "cells", "rival") is None
    tag_version(tracking, version, {"gate": "passed"})
    move_alias(tracking, version, "rival")
    found = find_alias(tracking, "cells", "rival")
    assert found is not None
    assert found.number == version.number
    assert found.tags == {**version.tags, "gate": "passed"}


def test_a_reserved_alias_or_an_impossible_name_is_wrong_input(
    tracking: TrackingSettings, version: Version
) -> None:
    with pytest.raises(InputError, match="reserved"):
        move_alias(tracking, version, "latest")
    with pytest.raises(InputError, match="a/b"):
        find_alias(tracking, "a/b", "champion")


def test_a_classifier_is_loaded_with_its_class_names(
    tracking: TrackingSettings, model: keras.Model, version: Version
) -> None:
    classifier = load_classifier(tracking, version.uri)
    images = _images(2, 17, 50)
    assert classifier.class_names == CLASSES
    expected = model.predict(images, verbose=0)
    np.testing.assert_allclose(classifier.predict(images), expected, atol=1e-6)


@pytest.mark.parametrize(
    "uri", ["models:/cells/99", "models:/cells@nobody", "models:/nobody/1", "nonsense", "models:/x"]
)
def test_a_model_that_is_not_there_is_wrong_input_and_the_known_ones_are_named(
    tracking: TrackingSettings, version: Version, uri: str
) -> None:
    with pytest.raises(InputError, match=r"models:/cells@champion") as caught:
        load_classifier(tracking, uri)
    assert uri in str(caught.value)


def test_a_server_that_is_not_there_is_unavailable_and_its_password_is_hidden() -> None:
    settings = TrackingSettings("http://user:geheim77@127.0.0.1:9", None)
    with pytest.raises(UnavailableError) as caught:
        load_classifier(settings, "models:/cells/1")
    assert "geheim77" not in str(caught.value)


def test_the_callers_own_mlflow_address_is_left_as_it_was(
    tracking: TrackingSettings, tmp_path: Path
) -> None:
    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/own.db")
    try:
        find_alias(tracking, "cells", "champion")
        assert mlflow.get_tracking_uri() == f"sqlite:///{tmp_path}/own.db"
    finally:
        # MLflow writes what is set into the environment, for all tests behind this one.
        mlflow.set_tracking_uri(before)


def test_an_address_that_nobody_set_is_not_set_afterwards(
    tracking: TrackingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.delenv(name, raising=False)
    find_alias(tracking, "cells", "champion")
    assert "MLFLOW_TRACKING_URI" not in os.environ
    assert "MLFLOW_REGISTRY_URI" not in os.environ


def test_a_fresh_process_without_foldsweep_that_predicts_otherwise_is_noticed(
    tracking: TrackingSettings, model: keras.Model, logged: LoggedClassifier, version: Version
) -> None:
    # That it predicts the same is seen in the tests of promotion.
    images = {"own": _images(3, 24, 24), "other": _images(3, 61, 37)}
    expected = {name: model.predict(batch, verbose=0) for name, batch in images.items()}
    expected["other"] = expected["other"] + np.float32(1e-3)
    with pytest.raises(RefusedError, match=r"differs by 0\.001,"):
        verify_version(tracking, version, logged, images, expected)


def test_a_version_whose_files_changed_since_they_were_saved_is_loaded_by_nobody(
    tracking: TrackingSettings, model: keras.Model, run: PromotionRun, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    classifier = Classifier(model, CLASSES)
    logged = log_classifier(tracking, run.run_id, classifier, example=_images(1, 24, 24))
    version = register(tracking, "swapped", logged, {})
    with registry(tracking) as client:
        stored = Path(
            client.get_logged_model(logged.model_id).artifact_location.removeprefix("file://")
        )
    (stored / "code" / "class_probabilities.py").write_text(f"open({str(canary)!r}, 'w')")
    with pytest.raises(RefusedError, match=r"class_probabilities\.py changed on the way"):
        verify_version(tracking, version, logged, {"a": _images(1, 9, 9)}, {})
    assert not canary.exists()
