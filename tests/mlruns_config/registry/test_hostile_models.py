import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mlruns_config.names import TAG_CLASS_NAMES, TAG_MODEL_SHA256
from mlruns_config.registry.keras_file import CONFIG, file_digest, load_keras_file
from mlruns_config.registry.loading import load_classifier
from mlruns_config.registry.registry import move_alias, registry, tag_version
from mlruns_config.registry.saved_classifier import KERAS_FILE
from mlruns_config.registry.versions import Version
from mlruns_config.settings import TrackingSettings
from search.prediction.predict import predict
from search.promotion.champion import load_champion
from spaces.errors import InputError
from tests.mlruns_config.hostile_models import (
    ATTACKS,
    CLASSES,
    plain_model,
    register_attack,
    retagged,
    rewritten,
    save,
)
from tests.mlruns_config.hostile_models import (
    genuine as no_attack,
)

REASONS = {
    "pyfunc_loader": r"it has no file data/model\.keras",
    "saved_model": r"it has no file data/model\.keras",
    "lambda_layer": "a Lambda layer, which runs code",
    "foreign_module": "evil>Evil of the module evil_package, which is not Keras' own",
    "external_link": "'stolen' are a link elsewhere",
    "extra_member": r"has the members assets/evil\.txt, ",
}


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> TrackingSettings:
    folder = tmp_path_factory.mktemp("mlflow")
    return TrackingSettings(f"sqlite:///{folder}/mlflow.db", str(folder / "artifacts"))


@pytest.fixture(scope="module")
def genuine(tracking: TrackingSettings, tmp_path_factory: pytest.TempPathFactory) -> Version:
    folder = tmp_path_factory.mktemp("genuine")
    return register_attack(tracking, "genuine", no_attack, folder / "model", folder / "canary")


def _refused(tracking: TrackingSettings, version: Version, reason: str) -> None:
    """See that neither of the two ways to a registered model loads it."""
    move_alias(tracking, version, "champion")
    with pytest.raises(InputError, match=reason):
        predict(version.uri, [], tracking=tracking)
    with pytest.raises(InputError, match=reason):
        load_champion(tracking, version.model, "champion", CLASSES)


@pytest.mark.parametrize("name", ATTACKS)
def test_a_registered_model_that_would_run_code_is_refused_and_runs_none(
    name: str, tracking: TrackingSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    canary = tmp_path / "canary"
    version = register_attack(tracking, name, ATTACKS[name], tmp_path / "model", canary)
    canary.unlink(missing_ok=True)
    _refused(tracking, version, REASONS[name])
    assert not canary.exists()
    assert not {"evil_package", "evil_loader"} & set(sys.modules)


def test_a_genuine_file_beside_a_hostile_flavour_is_loaded_and_the_flavour_is_not(
    tracking: TrackingSettings, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"

    def attack(folder: Path, canary: Path) -> None:
        save(folder, plain_model())
        ATTACKS["pyfunc_loader"](folder, canary)

    version = register_attack(tracking, "both", attack, tmp_path / "model", canary)
    assert load_classifier(tracking, version.uri).class_names == CLASSES
    assert not canary.exists()


def test_a_file_that_was_changed_after_the_promotion_is_refused(
    tracking: TrackingSettings, genuine: Version
) -> None:
    other = retagged(tracking, genuine, "changed", genuine.source)
    tag_version(tracking, other, {TAG_MODEL_SHA256: "a" * 64})
    _refused(tracking, other, r"aaaaaaaaaaaa\.\.\. was recorded at its promotion")


def test_a_version_without_a_digest_is_refused(
    tracking: TrackingSettings, genuine: Version
) -> None:
    other = retagged(tracking, genuine, "untagged", genuine.source)
    with registry(tracking) as client:
        client.delete_model_version_tag("untagged", "1", TAG_MODEL_SHA256)
    _refused(tracking, other, "not a classifier that foldsweep promoted")


def test_class_names_that_are_not_those_of_the_model_are_refused(
    tracking: TrackingSettings, genuine: Version
) -> None:
    other = retagged(tracking, genuine, "renamed", genuine.source)
    tag_version(tracking, other, {TAG_CLASS_NAMES: json.dumps(["red", "green"])})
    _refused(tracking, other, "3 probabilities for 2 class names")


@pytest.mark.parametrize("place", ["a folder", "a run", "another run's model"])
def test_a_version_whose_source_lies_elsewhere_is_refused(
    place: str, tracking: TrackingSettings, genuine: Version, tmp_path: Path
) -> None:
    save(tmp_path, plain_model())
    stranger = register_attack(
        tracking, f"beside {place}", no_attack, tmp_path / "other", tmp_path / "canary"
    )
    source = {
        "a folder": tmp_path.as_uri(),
        "a run": f"runs:/{genuine.run_id}/classifier",
        "another run's model": stranger.source,
    }[place]
    version = retagged(tracking, genuine, f"points to {place}", source)
    _refused(tracking, version, "is not the model that its run logged")


def test_a_version_whose_model_was_deleted_is_refused(
    tracking: TrackingSettings, tmp_path: Path
) -> None:
    version = register_attack(tracking, "deleted", no_attack, tmp_path / "m", tmp_path / "canary")
    with registry(tracking) as client:
        client.delete_logged_model(version.source.removeprefix("models:/"))
    _refused(tracking, version, "is not the model that its run logged")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"class_name": "TFSMLayer"}, "a TFSMLayer layer"),
        ({"module": "os"}, "of the module os"),
        ({"module": "keras_cv.layers"}, "of the module keras_cv.layers"),
        ({"registered_name": "keras_cv>Augmenter"}, "made of keras_cv>Augmenter"),
    ],
)
def test_a_part_of_a_model_that_is_not_keras_own_is_named(
    change: dict[str, str], reason: str, tmp_path: Path
) -> None:
    path = save(tmp_path, plain_model())

    def put(content: bytes) -> bytes:
        config = json.loads(content)
        config["config"]["layers"][1]["config"]["hidden"] = [
            {"class_name": "Dense", "module": "keras.layers", "config": {}, **change}
        ]
        return json.dumps(config).encode()

    rewritten(path, CONFIG, put)
    with pytest.raises(InputError, match=reason):
        load_keras_file(path, file_digest(path), "it")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"[" * 100_000, "damaged"), (b"{}", "refuses it in safe mode"), (b"\xff", "damaged")],
)
def test_a_configuration_that_is_none_is_wrong_input_and_no_bug(
    content: bytes, reason: str, tmp_path: Path
) -> None:
    path = save(tmp_path, plain_model())
    rewritten(path, CONFIG, lambda _: content)
    with pytest.raises(InputError, match=reason):
        load_keras_file(path, file_digest(path), "it")


def test_a_file_that_grows_when_it_is_unpacked_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path, plain_model())
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(InputError, match="compressed"):
        load_keras_file(path, file_digest(path), "it")
    path.write_bytes(b"no archive")
    with pytest.raises(InputError, match="damaged"):
        load_keras_file(path, file_digest(path), "it")


def test_what_keras_saves_is_loaded_to_the_same_answers(tmp_path: Path) -> None:
    model = plain_model()
    path = save(tmp_path, model)
    assert path == tmp_path / KERAS_FILE
    images = np.random.default_rng(0).integers(0, 256, (4, 9, 11, 3), dtype=np.uint8)
    loaded = load_keras_file(path, file_digest(path), "it")
    np.testing.assert_array_equal(
        loaded.predict(images, verbose=0), model.predict(images, verbose=0)
    )
