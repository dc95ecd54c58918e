"""Reach MLflow: the connection, its tables, the experiment of a sweep."""

import logging
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from filelock import FileLock

from mlruns_config.settings import URI_VARIABLE, TrackingSettings, prepare_mlflow_environment
from spaces.errors import FoldsweepError, InputError, UnavailableError
from spaces.redact import redact

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment
    from mlflow.exceptions import MlflowException

_logger = logging.getLogger(__name__)
_CONNECT_TIMEOUT_S = 5.0
_TAG_ATTEMPTS = 5
_REFUSALS = ("UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED", "PERMISSION_DENIED")


def connect(settings: TrackingSettings) -> "MlflowClient":
    """Give a client of an MLflow that has answered.

    A SQLite file gets its tables, write-ahead logging and, if an older MLflow made it, a backup
    and the present schema; all under a file lock, so workers may start at the same time.

    Raises:
        InputError: If MLflow refuses the credentials or the file is not MLflow's.
        UnavailableError: If MLflow does not answer.
    """
    check_reachable(settings)
    prepare_mlflow_environment()
    if settings.is_server:
        return _answering_client(settings)
    path = settings.sqlite_path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            _open_sqlite(path)
            return _client_with_tables(settings)
    except OSError as error:
        raise UnavailableError(f"MLflow's file {path} cannot be written: {error}") from None


def check_reachable(settings: TrackingSettings, *, timeout_s: float = _CONNECT_TIMEOUT_S) -> None:
    """Ask whether the server's port is open.

    Args:
        settings: The MLflow to ask.
        timeout_s: How long to wait for each of its addresses, with a few seconds as the most.

    Raises:
        UnavailableError: If nothing listens there. A SQLite file is always reachable.
    """
    if not settings.is_server:
        return
    parts = urlsplit(settings.uri)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    timeout_s = min(timeout_s, _CONNECT_TIMEOUT_S)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=max(timeout_s, 0.1)):
            return
    except OSError as error:
        raise UnavailableError(
            f"MLflow at {settings.shown_uri} does not answer ({error}); start it, or set "
            f"{URI_VARIABLE} to the right address."
        ) from None


def ensure_experiment(settings: TrackingSettings, name: str, tags: Mapping[str, str]) -> str:
    """Find or create the experiment of a sweep; processes may do so at the same time.

    Args:
        settings: The MLflow that it belongs to.
        name: The experiment's name.
        tags: Set on the experiment, whether it is new or not; passwords in URLs are hidden.

    Returns:
        The experiment's id.

    Raises:
        InputError: If an experiment of that name was deleted, or MLflow refuses the name.
        UnavailableError: If MLflow does not answer.
    """
    client = connect(settings)
    from mlflow.exceptions import MlflowException

    hidden = {tag: redact(value) for tag, value in tags.items()}
    try:
        experiment_id = find_or_create_experiment(client, settings, name, hidden)
        for _ in range(_TAG_ATTEMPTS):
            if _has_tags(client, experiment_id, hidden):
                break
    except MlflowException as error:
        raise explained(error, settings) from None
    return experiment_id


def find_or_create_experiment(
    client: "MlflowClient",
    settings: TrackingSettings,
    name: str,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Do the same on a client, tag only a new one, and let MLflow's own errors pass.

    Raises:
        InputError: If an experiment of that name was deleted.
    """
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            location = _artifact_location(settings, name)
            return str(client.create_experiment(name, location, dict(tags or {})))
        except MlflowException as error:
            found = client.get_experiment_by_name(name)
            if error.error_code != "RESOURCE_ALREADY_EXISTS" or found is None:
                raise
    return _id_of_active(found)


def explained(error: "MlflowException", settings: TrackingSettings) -> FoldsweepError:
    """Turn an error of MLflow into one for the person, without passwords."""
    text = redact(str(error), settings.uri).strip().split("\n", maxsplit=1)[0][:500]
    if error.error_code in _REFUSALS:
        return InputError(
            f"MLflow at {settings.shown_uri} refused the request: {text}. Check "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, and --allowed-hosts of the "
            "server."
        )
    if error.error_code == "INVALID_PARAMETER_VALUE":
        return InputError(f"MLflow at {settings.shown_uri} refused a value: {text}")
    return UnavailableError(f"MLflow at {settings.shown_uri} failed: {text}")


def _has_tags(client: "MlflowClient", experiment_id: str, tags: Mapping[str, str]) -> bool:
    """Set the tags that the experiment has not; False if another process was at it too."""
    from mlflow.exceptions import MlflowException

    present = client.get_experiment(experiment_id).tags
    try:
        for tag, value in tags.items():
            if present.get(tag) != value:
                client.set_experiment_tag(experiment_id, tag, value)
    except MlflowException as error:
        # Two that set the same new tag at once: MLflow tells one of them so.
        if error.error_code != "BAD_REQUEST":
            raise
        return False
    return True


def _id_of_active(experiment: "Experiment") -> str:
    if experiment.lifecycle_stage != "active":
        raise InputError(
            f"the MLflow experiment {experiment.name!r} was deleted; bring it back with 'mlflow "
            f"experiments restore --experiment-id {experiment.experiment_id}', or give the sweep "
            "another name."
        )
    return str(experiment.experiment_id)


def _artifact_location(settings: TrackingSettings, name: str) -> str | None:
    if settings.artifact_root is None:
        return None
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:80]
    digest = sha256(name.encode()).hexdigest()[:8]
    return (Path(settings.artifact_root) / f"{readable}-{digest}").as_uri()


def _answering_client(settings: TrackingSettings) -> "MlflowClient":
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient(settings.uri, settings.uri)
    try:
        client.search_experiments(max_results=1)
    except MlflowException as error:
        raise explained(error, settings) from None
    return client


def _open_sqlite(path: Path) -> None:
    try:
        with closing(sqlite3.connect(path, timeout=20)) as database:
            # Readers (the UI) and a writer no longer lock each other out; the file remembers it.
            database.execute("PRAGMA journal_mode=WAL")
    except sqlite3.DatabaseError as error:
        if "locked" in str(error) or "unable to open" in str(error):
            raise UnavailableError(f"MLflow's file {path} cannot be opened: {error}") from None
        raise InputError(
            f"{path} is not an MLflow database ({error}); move it away, or set {URI_VARIABLE}."
        ) from None


def _client_with_tables(settings: TrackingSettings) -> "MlflowClient":
    """Let MLflow create its tables, or bring those of an older version up to date."""
    for name in ("mlflow.store.db.utils", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    revision = _revision(settings.sqlite_path)
    if revision is not None and revision != _newest_revision():
        _upgrade(settings)
    return _answering_client(settings)


def _revision(path: Path) -> str | None:
    """Read which schema the file has; None if it has none yet."""
    with closing(sqlite3.connect(path)) as database:
        try:
            row = database.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError:
            return None
    return str(row[0]) if row else None


def _newest_revision() -> str | None:
    import mlflow
    from alembic.script import ScriptDirectory

    migrations = Path(mlflow.__file__).parent / "store" / "db_migrations"
    return ScriptDirectory(str(migrations)).get_current_head()


def _upgrade(settings: TrackingSettings) -> None:
    path = settings.sqlite_path
    backup = path.with_name(path.name + ".before-upgrade")
    with closing(sqlite3.connect(path)) as old, closing(sqlite3.connect(backup)) as copy:
        old.backup(copy)
    command = [sys.executable, "-m", "mlflow", "db", "upgrade", settings.uri]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(
            f"{path} was made by another version of MLflow and cannot be brought to this one; "
            f"its backup is {backup}. Use the MLflow that made it, or another {URI_VARIABLE}."
        )
    _logger.warning("brought %s to the schema of this MLflow; backup: %s", path, backup)
