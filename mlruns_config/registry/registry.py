"""The registry of the best models: log, register, tag, alias and find a version."""

import os
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
from mlruns_config.registry.saved_classifier import Classifier, save_classifier
from mlruns_config.registry.stored_files import folder_digests
from mlruns_config.registry.versions import LoggedClassifier, Version
from mlruns_config.settings import URI_VARIABLE, TrackingSettings
from spaces.errors import InputError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

LOGGED_NAME = "classifier"
_REGISTRY_VARIABLE = "MLFLOW_REGISTRY_URI"
_RESERVED_ALIAS = re.compile(r"latest|v\d+", re.IGNORECASE)
ABSENT = "RESOURCE_DOES_NOT_EXIST"
MAX_DESCRIPTION = 5000
"""Characters that MLflow's database takes in the description of a version or a model."""


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

    # MLflow writes an address that is set into the environment, where an unset one must stay unset:
    # whoever asks there next would take MLflow's default for the person's choice.
    before = os.environ.get(URI_VARIABLE), os.environ.get(_REGISTRY_VARIABLE)
    mlflow.set_tracking_uri(settings.uri)
    mlflow.set_registry_uri(settings.uri)
    try:
        yield client
    except MlflowException as error:
        raise explained(error, settings) from None
    finally:
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])
        if before[1] is None:
            os.environ.pop(_REGISTRY_VARIABLE, None)


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
        return version_of(made)


def tag_version(settings: TrackingSettings, version: Version, tags: Mapping[str, str]) -> None:
    """Set tags of a version."""
    with registry(settings) as client:
        for key, value in tags.items():
            client.set_model_version_tag(version.model, str(version.number), key, value)


def describe_version(settings: TrackingSettings, version: Version, description: str) -> None:
    """Give a version the page that MLflow's UI shows of it, in Markdown.

    Args:
        settings: Where the version is.
        version: Whose page it is.
        description: At most :data:`MAX_DESCRIPTION` characters.
    """
    with registry(settings) as client:
        client.update_model_version(version.model, str(version.number), description)


def move_alias(settings: TrackingSettings, version: Version, alias: str) -> None:
    """Point an alias of the model to this version, in one step.

    :func:`mlruns_config.registry.alias_moves.move_noting` enters it in the model's history too.
    """
    with registry(settings) as client:
        client.set_registered_model_alias(version.model, alias, str(version.number))


def _find_alias(client: "MlflowClient", model: str, alias: str) -> Version | None:
    from mlflow.exceptions import MlflowException

    try:
        return version_of(client.get_model_version_by_alias(model, alias))
    except MlflowException as error:
        # The SQL store calls an alias that no version carries an invalid value.
        if error.error_code == ABSENT or ("alias" in str(error) and "not found" in str(error)):
            return None
        raise


def version_of(found: "ModelVersion") -> Version:
    """Take what MLflow says of a version."""
    return Version(
        found.name,
        int(found.version),
        found.run_id or "",
        dict(found.tags),
        found.source or "",
        int(found.creation_timestamp or 0),
    )
