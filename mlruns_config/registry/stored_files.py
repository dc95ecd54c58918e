"""The files of a version, fetched without a look at what MLflow would do with them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mlruns_config.registry.keras_file import MAX_BYTES, file_digest
from mlruns_config.registry.saved_classifier import KERAS_FILE
from mlruns_config.registry.versions import LoggedClassifier, Version
from spaces.errors import InputError, RefusedError, UnavailableError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel

# Where MLflow keeps the images that a model was logged with, as JSON.
_EXAMPLE_FILE = "input_example.json"
_MAX_EXAMPLE_BYTES = 64 * 2**20
# MLflow writes it beside a model on this machine when somebody loads it: its name and number.
_ADDED_BY_MLFLOW = "registered_model_meta"
_SOURCE = re.compile(r"models:/(m-[0-9a-f]+)")


def folder_digests(folder: Path) -> dict[str, str]:
    """Give the SHA-256 of each file in a folder, by its path inside."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in files}


def download_keras_file(client: "MlflowClient", version: Version, folder: Path, what: str) -> Path:
    """Download the Keras file of a version, and no other.

    Args:
        client: Of the registry.
        version: One that :func:`~mlruns_config.registry.registry.register` made.
        folder: Where to.
        what: What to call it in an error.

    Raises:
        InputError: If the version is not the logged model of its run, or has no such file.
        UnavailableError: If the files cannot be reached.
    """
    location = _location_of(client, version, KERAS_FILE, MAX_BYTES, what)
    if location is None:
        raise InputError(f"{what} is not loaded: it has no file {KERAS_FILE}.")
    return _download(location, folder, what)


def download_example(client: "MlflowClient", version: Version, folder: Path) -> Path | None:
    """Download the JSON with the images that a version was logged with; None if it has none.

    Args:
        client: Of the registry.
        version: One that :func:`~mlruns_config.registry.registry.register` made.
        folder: Where to.

    Raises:
        InputError: If the version is not the logged model of its run, or the file is too large.
        UnavailableError: If the files cannot be reached.
    """
    location = _location_of(client, version, _EXAMPLE_FILE, _MAX_EXAMPLE_BYTES, version.uri)
    return None if location is None else _download(location, folder, version.uri)


def _location_of(
    client: "MlflowClient", version: Version, name: str, max_bytes: int, what: str
) -> str | None:
    """Say where a file of a version lies; None if it has none of that name."""
    logged = _logged_model(client, version, what)
    folder = name.rpartition("/")[0] or None
    entries = client.list_logged_model_artifacts(logged.model_id, folder)
    sizes = {entry.path: entry.file_size for entry in entries}
    if name not in sizes:
        return None
    if (sizes[name] or 0) > max_bytes:
        raise InputError(f"{what} is not loaded: its file is larger than {max_bytes} bytes.")
    return f"{logged.artifact_location}/{name}"


def check_as_saved(
    client: "MlflowClient", version: Version, logged: LoggedClassifier, folder: Path
) -> None:
    """Download a version and see that its files are those that were saved, to the last byte.

    Args:
        client: Of the registry.
        version: What was registered.
        logged: What was saved.
        folder: Where to download to.

    Raises:
        RefusedError: If a file differs, is missing or has been added.
        InputError: If the version is not the logged model of its run.
        UnavailableError: If the files cannot be reached.
    """
    stored = _logged_model(client, version, version.uri)
    found = folder_digests(_download(stored.artifact_location, folder, version.uri))
    found.pop(_ADDED_BY_MLFLOW, None)
    if found != logged.digests:
        raise RefusedError(
            f"{version.uri} is not what was saved: {', '.join(_differing(found, logged.digests))} "
            "changed on the way to the registry. Nothing of it was loaded."
        )


def _differing(found: Mapping[str, str], saved: Mapping[str, str]) -> list[str]:
    return sorted(path for path in {*found, *saved} if found.get(path) != saved.get(path))


def _logged_model(client: "MlflowClient", version: Version, what: str) -> "LoggedModel":
    from mlflow.exceptions import MlflowException

    match = _SOURCE.fullmatch(version.source)
    if match is not None:
        try:
            logged = client.get_logged_model(match[1])
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
        else:
            if logged.source_run_id == version.run_id:
                return logged
    raise InputError(
        f"{what} is not loaded: its source {version.source[:200]!r} is not the model that its run "
        "logged, so foldsweep did not register it."
    )


def _download(location: str, folder: Path, what: str) -> Path:
    import mlflow.artifacts

    try:
        return Path(mlflow.artifacts.download_artifacts(artifact_uri=location, dst_path=folder))
    except OSError as error:
        raise UnavailableError(f"the files of {what} cannot be read: {error}") from None
