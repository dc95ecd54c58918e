"""The registry of the best models: log, register, tag, alias, find and load a version."""

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mlruns_config import names
from mlruns_config.client import connect, explained
from mlruns_config.registry.keras_file import load_keras_file
from mlruns_config.registry.saved_classifier import Classifier, save_classifier
from mlruns_config.registry.stored_files import download_keras_file, folder_digests
from mlruns_config.registry.versions import LoggedClassifier, Version
from mlruns_config.settings import TrackingSettings
from spaces.errors import InputError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

LOGGED_NAME = "classifier"
_RESERVED_ALIAS = re.compile(r"latest|v\d+", re.IGNORECASE)
_URI = re.compile(
    r"models:/(?:(?P<model>[^/]+)/(?P<number>\d{1,9})|(?P<aliased>[^/]+)@(?P<alias>[^/@]+))"
)
_ABSENT = "RESOURCE_DOES_NOT_EXIST"


@contextmanager
def registry(settings: TrackingSettings) -> Iterator["MlflowClient"]:
    """Open the registry, and turn MLflow's errors into those for the person.

    MLflow's own store looks a logged model up at its process-wide address, whatever address its
    client was made with. So that address is set inside this block, and restored behind it.

    Raises:
        InputError: If MLflow refuses a value.
        UnavailableError: If MLflow does not answer.
    """
    client = connect(settings)

    import mlflow
    from mlflow.exceptions import MlflowException

    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    mlflow.set_tracking_uri(settings.uri)
    mlflow.set_registry_uri(settings.uri)
    try:
        yield client
    except MlflowException as error:
        raise explained(error, settings) from None
    finally:
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])


def check_alias(alias: str) -> None:
    """Refuse an alias that MLflow keeps for itself, which it would do only when it is set.

    Raises:
        InputError: If it is ``latest`` or a version such as ``v3``.
    """
    if _RESERVED_ALIAS.fullmatch(alias):
        raise InputError(
            f"the alias {alias!r} is reserved by MLflow ('latest', 'v1', 'v2', ...); choose "
            "another, such as 'champion'."
        )


def find_alias(settings: TrackingSettings, model: str, alias: str) -> Version | None:
    """Find the version that carries an alias; None if there is no such model or alias.

    Raises:
        InputError: If MLflow does not allow the name of the model or of the alias.
        UnavailableError: If MLflow does not answer.
    """
    with registry(settings) as client:
        return _find_alias(client, model, alias)


def log_classifier(
    settings: TrackingSettings,
    run_id: str,
    classifier: Classifier,
    *,
    example: npt.NDArray[np.uint8],
) -> LoggedClassifier:
    """Log a plain Keras classifier as the model of a run.

    Args:
        settings: Where to.
        run_id: The run that trained it.
        classifier: Takes uint8 images of any size, gives probabilities; no custom objects.
        example: Images for the input example, shape ``(batch, height, width, 3)``.

    Returns:
        The logged model, with the digests of its files as they were saved here.
    """
    with registry(settings) as client, tempfile.TemporaryDirectory() as scratch:
        from mlflow.entities import LoggedModelOutput
        from mlflow.models import Model

        experiment_id = client.get_run(run_id).info.experiment_id
        made = client.create_logged_model(experiment_id, LOGGED_NAME, run_id, model_type="keras")
        about = Model(artifact_path=made.artifact_location, run_id=run_id, model_id=made.model_id)
        folder = Path(scratch) / "model"
        save_classifier(classifier, folder, example=example, about=about)
        logged = LoggedClassifier(
            made.model_id, run_id, classifier.class_names, folder_digests(folder)
        )
        client.log_model_artifacts(made.model_id, str(folder))
        client.finalize_logged_model(made.model_id, "READY")
        client.log_outputs(run_id, [LoggedModelOutput(made.model_id, step=0)])
        client.set_tag(run_id, names.TAG_MODEL_SHA256, logged.digest)
        return logged


def register(
    settings: TrackingSettings, model: str, logged: LoggedClassifier, tags: Mapping[str, str]
) -> Version:
    """Make a logged model the next version of a registered one, which is made if need be.

    Its tags say, besides those given, which file is to be loaded and what its answers are called.
    """
    with registry(settings) as client:
        from mlflow.exceptions import MlflowException

        try:
            client.create_registered_model(model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        made = client.create_model_version(
            model,
            f"models:/{logged.model_id}",
            logged.run_id,
            {**tags, **logged.tags()},
            model_id=logged.model_id,
        )
        return _version(made)


def tag_version(settings: TrackingSettings, version: Version, tags: Mapping[str, str]) -> None:
    """Set tags of a version."""
    with registry(settings) as client:
        for key, value in tags.items():
            client.set_model_version_tag(version.model, str(version.number), key, value)


def move_alias(settings: TrackingSettings, version: Version, alias: str) -> None:
    """Point an alias of the model to this version, in one step."""
    with registry(settings) as client:
        client.set_registered_model_alias(version.model, alias, str(version.number))


def load_classifier(settings: TrackingSettings, uri: str) -> Classifier:
    """Load what ``models:/NAME/NUMBER`` or ``models:/NAME@ALIAS`` points to.

    Only the Keras file whose digest was recorded at the promotion is downloaded, and nothing that
    lies in the registry is run: see :mod:`mlruns_config.registry.keras_file`.

    Raises:
        InputError: If there is no such model, or it is not one that foldsweep promoted.
        UnavailableError: If MLflow does not answer.
    """
    with registry(settings) as client, tempfile.TemporaryDirectory() as scratch:
        version = _find_uri(client, uri)
        digest, class_names = _recorded(version, uri)
        path = download_keras_file(client, version, Path(scratch), uri)
        model = load_keras_file(path, digest, uri)
    n_outputs = (getattr(model, "output_shape", None) or (None,))[-1]
    if n_outputs != len(class_names):
        raise InputError(
            f"{uri} is not loaded: it gives {n_outputs} probabilities for {len(class_names)} "
            "class names"
        )
    return Classifier(model, class_names)


def _find_uri(client: "MlflowClient", uri: str) -> Version:
    from mlflow.exceptions import MlflowException

    found = _URI.fullmatch(uri)
    if found is None:
        raise _not_found(client, uri)
    try:
        if found["alias"] is not None:
            return _version(client.get_model_version_by_alias(found["aliased"], found["alias"]))
        return _version(client.get_model_version(found["model"], found["number"]))
    except MlflowException as error:
        if error.error_code in (_ABSENT, "INVALID_PARAMETER_VALUE"):
            raise _not_found(client, uri) from None
        raise


def _recorded(version: Version, uri: str) -> tuple[str, tuple[str, ...]]:
    """Give the digest and the class names that a promotion wrote on a version."""
    digest = version.tags.get(names.TAG_MODEL_SHA256, "")
    try:
        class_names = json.loads(version.tags.get(names.TAG_CLASS_NAMES, "null"))
    except ValueError:
        class_names = None
    if not re.fullmatch("[0-9a-f]{64}", digest) or not isinstance(class_names, list):
        raise InputError(
            f"{uri} is not a classifier that foldsweep promoted: its version has no tags "
            f"{names.TAG_MODEL_SHA256} and {names.TAG_CLASS_NAMES}. Promote a trial to that name."
        )
    return digest, tuple(map(str, class_names))


def _find_alias(client: "MlflowClient", model: str, alias: str) -> Version | None:
    from mlflow.exceptions import MlflowException

    try:
        return _version(client.get_model_version_by_alias(model, alias))
    except MlflowException as error:
        # The SQL store calls an alias that no version carries an invalid value.
        if error.error_code == _ABSENT or ("alias" in str(error) and "not found" in str(error)):
            return None
        raise


def _not_found(client: "MlflowClient", uri: str) -> InputError:
    """Say that there is no such model, and which ones there are."""
    found = [model.name for model in client.search_registered_models(max_results=20)]
    known = ", ".join(f"models:/{name}@champion" for name in found) or "none"
    return InputError(
        f"there is no model {uri!r} to load; registered: {known}. Write models:/NAME@ALIAS or "
        "models:/NAME/NUMBER"
    )


def _version(found: "ModelVersion") -> Version:
    return Version(
        found.name, int(found.version), found.run_id or "", dict(found.tags), found.source or ""
    )
