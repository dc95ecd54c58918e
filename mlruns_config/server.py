"""The command lines that start MLflow's UI, its server and its model server."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlruns_config.settings import TrackingSettings
from spaces.errors import InputError

BACKEND_VARIABLE = "MLFLOW_BACKEND_STORE_URI"
"""Where ``mlflow server`` looks for its database if the command line does not say."""
WITHOUT_JOBS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
"""Lets a server start without the eight processes that evaluate language models (MLflow 3.17):
they take a minute of processor time at each start, and nothing of foldsweep asks them."""


def ui_url(settings: TrackingSettings, *, host: str = "127.0.0.1", port: int = 5000) -> str:
    """Give the address of the UI: the server's own, or that of :func:`ui_command`."""
    return settings.shown_uri if settings.is_server else f"http://{host}:{port}"


def ui_command(
    settings: TrackingSettings, *, host: str = "127.0.0.1", port: int = 5000
) -> list[str]:
    """Give the command that shows a SQLite file in the browser.

    Raises:
        InputError: If the settings name a server: it has a UI, at :func:`ui_url`.
    """
    if settings.is_server or settings.artifact_root is None:
        raise InputError(
            f"MLflow runs at {settings.shown_uri}: open that address, there is nothing to start"
        )
    stores = ["--backend-store-uri", settings.uri, "--default-artifact-root"]
    artifacts = [settings.artifact_root, "--artifacts-destination", settings.artifact_root]
    return [*_server(host, port), *stores, *artifacts, "--workers", "1"]


def server_command(
    artifacts_destination: str,
    *,
    host: str = "127.0.0.1",
    port: int = 5000,
    allowed_hosts: Sequence[str] = (),
) -> list[str]:
    """Give the command of a server for several machines, which serves the artifacts itself.

    The database's URL is not in it, as anybody on the machine can read a command line: put it
    into the environment as ``MLFLOW_BACKEND_STORE_URI``.

    Args:
        artifacts_destination: Where the server keeps artifacts: a folder, or ``s3://...``.
        host: The address to listen on; ``0.0.0.0`` inside a container.
        port: The port to listen on.
        allowed_hosts: Names, with ports, under which clients may call it; MLflow's default are
            local and private addresses.
    """
    command = [*_server(host, port), "--artifacts-destination", artifacts_destination]
    return command + (["--allowed-hosts", ",".join(allowed_hosts)] if allowed_hosts else [])


def model_server_command(
    model_folder: Path, *, host: str = "127.0.0.1", port: int = 5000
) -> list[str]:
    """Give the command that answers with the MLflow model in a folder, in this environment.

    MLflow runs what that folder tells it to: give it one of
    :func:`mlruns_config.registry.served_copy.write_served_copy`.

    Args:
        model_folder: With an ``MLmodel`` file.
        host: The address to listen on.
        port: The port to listen on.
    """
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
    return [*command, "--model-uri", str(model_folder), "--host", host, "--port", str(port)]


def model_server_environment() -> Mapping[str, str]:
    """Give the variables with which :func:`model_server_command` is started.

    MLflow looks for uvicorn on the search path, where that of an environment which nobody has
    activated does not stand.
    """
    programs = str(Path(sys.executable).parent)
    path = os.pathsep.join([programs, os.environ.get("PATH", os.defpath)])
    unless_set = {"MLFLOW_DISABLE_TELEMETRY": "true", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    return {**unless_set, **os.environ, "PATH": path}


def _server(host: str, port: int) -> list[str]:
    return [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port)]
