"""Where MLflow is: the one module of this package that reads the environment."""

import getpass
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field

from spaces.environment import UNSET_IF_BLANK, EnvironmentSettings
from spaces.errors import InputError
from spaces.redact import redact

URI_VARIABLE = "MLFLOW_TRACKING_URI"
_SQLITE = "sqlite:///"


class _Environment(EnvironmentSettings):
    uri: Annotated[str | None, UNSET_IF_BLANK] = Field(default=None, validation_alias=URI_VARIABLE)
    user: Annotated[str | None, UNSET_IF_BLANK] = Field(
        default=None, validation_alias="MLFLOW_TRACKING_USERNAME"
    )


@dataclass(frozen=True)
class TrackingSettings:
    """The MLflow that runs are written to: a server, or a SQLite file of this machine."""

    uri: str
    """``http(s)://...`` or ``sqlite:///`` and the absolute path of a file."""
    artifact_root: str | None
    """Folder of the artifacts beside a SQLite file; None where a server decides."""

    def __post_init__(self) -> None:
        """Refuse what is neither a server nor a SQLite file, or no URL."""
        if not re.match(r"https?://[^/]|sqlite:///.", self.uri):
            raise InputError(
                f"{URI_VARIABLE} is {redact(self.uri)!r}; known: a server (http://host:5000) or a "
                "SQLite file (sqlite:////folder/mlflow.db). For another database, start "
                "'mlflow server' on it and give the server's address."
            )
        if self.is_server and (fault := _fault_of(self.uri)):
            shown = redact(f"{self.uri!r}, which is no URL: {fault}", self.uri)
            raise InputError(
                f"{URI_VARIABLE} is {shown}; known: http://host:5000, http://[::1]:5000, "
                "https://user:password@host. Write other characters of a user or password as "
                "%-codes, and those of a host as xn--..."
            )
        if not self.is_server and re.search(r"[?%\ud800-\udfff]", self.uri):
            raise InputError(
                f"MLflow's file cannot be {self.uri!r}: its path may hold neither '?' nor '%' nor "
                f"what is not UTF-8; set {URI_VARIABLE} to another, or use another home."
            )

    @property
    def is_server(self) -> bool:
        """True if the URI is that of a server, which has a UI of its own."""
        return not self.uri.startswith(_SQLITE)

    @property
    def shown_uri(self) -> str:
        """The URI as it may be shown and logged."""
        return redact(self.uri)

    @property
    def sqlite_path(self) -> Path:
        """The SQLite file; meaningless for a server."""
        return Path(self.uri.removeprefix(_SQLITE))

    @classmethod
    def from_environment(cls, home: Path) -> "TrackingSettings":
        """Take ``MLFLOW_TRACKING_URI``, or SQLite under ``home`` if it is not set.

        Args:
            home: The folder for the SQLite file and the artifacts beside it.

        Raises:
            InputError: If the variable holds neither a server nor a SQLite file.
        """
        uri = _Environment.from_environment().uri or f"{_SQLITE}{home.resolve()}/mlflow.db"
        uri = uri.strip()
        if not uri.startswith(_SQLITE) or uri == _SQLITE:
            return cls(uri, artifact_root=None)
        path = Path(uri.removeprefix(_SQLITE)).resolve()
        return cls(f"{_SQLITE}{path}", artifact_root=str(path.parent / "mlartifacts"))


def tracking_user() -> str:
    """Name who writes to MLflow: the account there, else whoever runs this process."""
    try:
        return _Environment.from_environment().user or getpass.getuser()
    except (ImportError, KeyError, OSError):
        return "unknown"  # A container may run under a number that has no name.


def prepare_mlflow_environment() -> None:
    """Keep MLflow from reporting usage and from drawing bars, unless the person has decided.

    To be called before the first import of mlflow, which reads the variable.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")


def prepare_sending() -> None:
    """Do the same, and let MLflow's HTTP client give up after one retry, not four minutes.

    For processes that send through an outbox, which has retries of its own and asks first whether
    the server is there. A value that the person has set stays.
    """
    prepare_mlflow_environment()
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")


def _fault_of(uri: str) -> str | None:
    """Say what keeps a server's address from being a URL."""
    if not uri.isascii() or re.search(r"[\x00-\x20\x7f]", uri):
        return "it holds a blank or a character that is not ASCII"
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
        host.encode("idna")  # As the socket will: no empty part, and none above 63 characters.
        return None if host and parts.port != 0 else "it has no host, or port 0"
    except ValueError as error:
        return str(error)
