"""Load a registered version as a classifier, and run nothing that lies in the registry."""

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlruns_config.names import TAG_CLASS_NAMES, TAG_MODEL_SHA256
from mlruns_config.registry.keras_file import file_digest, load_keras_file
from mlruns_config.registry.registry import ABSENT, registry, version_of
from mlruns_config.registry.saved_classifier import Classifier
from mlruns_config.registry.stored_files import download_keras_file
from mlruns_config.registry.versions import Version
from mlruns_config.settings import TrackingSettings
from spaces.errors import InputError, RefusedError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_URI = re.compile(
    r"models:/(?:(?P<model>[^/]+)/(?P<number>\d{1,9})|(?P<aliased>[^/]+)@(?P<alias>[^/@]+))"
)


@dataclass(frozen=True)
class LoadedVersion:
    """A version of a registered model, and its Keras file on this machine."""

    version: Version
    classifier: Classifier
    path: Path
    """The file whose digest was recorded at the promotion."""
    digest: str


def load_classifier(settings: TrackingSettings, uri: str) -> Classifier:
    """Load what ``models:/NAME/NUMBER`` or ``models:/NAME@ALIAS`` points to.

    Only the Keras file whose digest was recorded at the promotion is downloaded, and nothing that
    lies in the registry is run: see :mod:`mlruns_config.registry.keras_file`.

    Raises:
        InputError: If there is no such model, or it is not one that foldsweep promoted.
        UnavailableError: If MLflow does not answer.
    """
    with tempfile.TemporaryDirectory() as scratch:
        return load_version(settings, uri, Path(scratch)).classifier


def load_version(settings: TrackingSettings, uri: str, folder: Path) -> LoadedVersion:
    """Do the same, say which version it is, and leave its Keras file in a folder.

    Args:
        settings: Where the registry is.
        uri: ``models:/NAME/NUMBER`` or ``models:/NAME@ALIAS``.
        folder: An existing one that nobody else writes to.

    Raises:
        InputError: If there is no such model, or it is not one that foldsweep promoted.
        UnavailableError: If MLflow does not answer.
    """
    with registry(settings) as client:
        version = _find_uri(client, uri)
        digest, class_names = _recorded(version, uri)
        path = download_keras_file(client, version, folder, uri)
        model = load_keras_file(path, digest, uri)
    n_outputs = (getattr(model, "output_shape", None) or (None,))[-1]
    if n_outputs != len(class_names):
        raise InputError(
            f"{uri} is not loaded: it gives {n_outputs} probabilities for {len(class_names)} "
            "class names"
        )
    return LoadedVersion(version, Classifier(model, class_names), path, digest)


def check_file(settings: TrackingSettings, version: Version) -> None:
    """See that the Keras file of a version is the one of its promotion, without loading it.

    Raises:
        RefusedError: If it has changed since.
        InputError: If the version is not one that foldsweep promoted.
        UnavailableError: If MLflow does not answer, or the file cannot be read.
    """
    with registry(settings) as client, tempfile.TemporaryDirectory() as scratch:
        recorded, _ = _recorded(version, version.uri)
        path = download_keras_file(client, version, Path(scratch), version.uri)
        if file_digest(path) != recorded:
            raise RefusedError(
                f"the file of {version.uri} is not the one of its promotion, whose SHA-256 begins "
                f"with {recorded[:12]}: no alias is pointed to it. Take another version."
            )


def _find_uri(client: "MlflowClient", uri: str) -> Version:
    from mlflow.exceptions import MlflowException

    found = _URI.fullmatch(uri)
    if found is None:
        raise _not_found(client, uri)
    try:
        if found["alias"] is not None:
            return version_of(client.get_model_version_by_alias(found["aliased"], found["alias"]))
        return version_of(client.get_model_version(found["model"], found["number"]))
    except MlflowException as error:
        if error.error_code in (ABSENT, "INVALID_PARAMETER_VALUE"):
            raise _not_found(client, uri) from None
        raise


def _recorded(version: Version, uri: str) -> tuple[str, tuple[str, ...]]:
    """Give the digest and the class names that a promotion wrote on a version."""
    digest = version.tags.get(TAG_MODEL_SHA256, "")
    try:
        class_names = json.loads(version.tags.get(TAG_CLASS_NAMES, "null"))
    except ValueError:
        class_names = None
    if not re.fullmatch("[0-9a-f]{64}", digest) or not isinstance(class_names, list):
        raise InputError(
            f"{uri} is not a classifier that foldsweep promoted: its version has no tags "
            f"{TAG_MODEL_SHA256} and {TAG_CLASS_NAMES}. Promote a trial to that name."
        )
    return digest, tuple(map(str, class_names))


def _not_found(client: "MlflowClient", uri: str) -> InputError:
    """Say that there is no such model, and which ones there are."""
    found = [model.name for model in client.search_registered_models(max_results=20)]
    known = ", ".join(f"models:/{name}@champion" for name in found) or "none"
    return InputError(
        f"there is no model {uri!r} to load; registered: {known}. Write models:/NAME@ALIAS or "
        "models:/NAME/NUMBER"
    )
