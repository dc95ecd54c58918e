"""The registry of the best models: log, register, tag, alias, find and load a version."""

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mlruns_config.client import connect, explained
from mlruns_config.registry.saved_classifier import Classifier, load_folder, save_classifier
from mlruns_config.settings import TrackingSettings
from spaces.errors import InputError, UnavailableError

if TYPE_CHECKING:
    import keras
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

LOGGED_NAME = "classifier"
_RESERVED_ALIAS = re.compile(r"latest|v\d+", re.IGNORECASE)
_ABSENT = "RESOURCE_DOES_NOT_EXIST"


@dataclass(frozen=True)
class Version:
    """One version of a registered model."""

    model: str
    number: int
    run_id: str
    tags: Mapping[str, str]

    @property
    def uri(self) -> str:
        """What MLflow loads: ``models:/NAME/NUMBER``."""
        return f"models:/{self.model}/{self.number}"


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
    model: "keras.Model",
    *,
    class_names: tuple[str, ...],
    example: npt.NDArray[np.uint8],
) -> str:
    """Log a plain Keras classifier as the model of a run.

    Args:
        settings: Where to.
        run_id: The run that trained it.
        model: Takes uint8 images of any size, gives probabilities; no custom objects.
        class_names: In the order of the model's outputs.
        example: Images for the input example, shape ``(batch, height, width, 3)``.

    Returns:
        The id of the logged model.
    """
    with registry(settings) as client, tempfile.TemporaryDirectory() as scratch:
        from mlflow.entities import LoggedModelOutput
        from mlflow.models import Model

        experiment_id = client.get_run(run_id).info.experiment_id
        logged = client.create_logged_model(experiment_id, LOGGED_NAME, run_id, model_type="keras")
        about = Model(
            artifact_path=logged.artifact_location, run_id=run_id, model_id=logged.model_id
        )
        folder = Path(scratch) / "model"
        save_classifier(model, folder, class_names=class_names, example=example, about=about)
        client.log_model_artifacts(logged.model_id, str(folder))
        client.finalize_logged_model(logged.model_id, "READY")
        client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
        return str(logged.model_id)


def register(
    settings: TrackingSettings, model: str, logged_id: str, run_id: str, tags: Mapping[str, str]
) -> Version:
    """Make a logged model the next version of a registered one, which is made if need be."""
    with registry(settings) as client:
        from mlflow.exceptions import MlflowException

        try:
            client.create_registered_model(model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        made = client.create_model_version(
            model, f"models:/{logged_id}", run_id, dict(tags), model_id=logged_id
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

    Raises:
        InputError: If there is no such model, or it is not one that foldsweep promoted.
        UnavailableError: If MLflow does not answer.
    """
    with registry(settings) as client, tempfile.TemporaryDirectory() as scratch:
        import mlflow.artifacts
        from mlflow.exceptions import MlflowException

        try:
            folder = mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=scratch)
        except (MlflowException, OSError) as error:
            raise _not_found(client, uri, error) from None
        return load_folder(Path(folder), uri)


def _find_alias(client: "MlflowClient", model: str, alias: str) -> Version | None:
    from mlflow.exceptions import MlflowException

    try:
        return _version(client.get_model_version_by_alias(model, alias))
    except MlflowException as error:
        # The SQL store calls an alias that no version carries an invalid value.
        if error.error_code == _ABSENT or ("alias" in str(error) and "not found" in str(error)):
            return None
        raise


def _not_found(client: "MlflowClient", uri: str, error: Exception) -> Exception:
    """Say that there is no such model and which ones there are; pass on what is another failure."""
    if isinstance(error, OSError):
        return UnavailableError(f"the files of {uri} cannot be read: {error}")
    if getattr(error, "error_code", _ABSENT) not in (_ABSENT, "INVALID_PARAMETER_VALUE"):
        return error
    names = [found.name for found in client.search_registered_models(max_results=20)]
    known = ", ".join(f"models:/{name}@champion" for name in names) or "none"
    return InputError(
        f"there is no model {uri!r} to load; registered: {known}. Write models:/NAME@ALIAS or "
        "models:/NAME/NUMBER"
    )


def _version(found: "ModelVersion") -> Version:
    return Version(found.name, int(found.version), found.run_id or "", dict(found.tags))
