"""Where sweeps live: the one place in which this package reads the environment."""

import os
import re
import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field, field_validator

from spaces.environment import UNSET_IF_BLANK, EnvironmentSettings

# What foldsweep, MLflow's client, the PostgreSQL driver, fsspec and Keras read.
_TRAVELLING = re.compile(r"(FOLDSWEEP|MLFLOW|PG|FSSPEC|AWS)[A-Z0-9_]+|KERAS_HOME")
_OF_ONE_MACHINE = ("FOLDSWEEP_HOME",)


def _sqlite_in_home(validated: dict[str, Any]) -> str:
    return f"sqlite:///{quote(str(validated['home']))}/foldsweep.db"


def _folder_in_home(validated: dict[str, Any]) -> str:
    return f"{validated['home']}/checkpoints"


class RuntimeSettings(EnvironmentSettings):
    """What a machine sets, whatever the sweep; what is not given comes from the environment."""

    home: Annotated[Path, UNSET_IF_BLANK] = Field(
        default=Path("foldsweep-home"), validation_alias="FOLDSWEEP_HOME"
    )
    """Absolute; sweeps, views, features, logs and, by default, the databases live in it."""
    storage_url: Annotated[str, UNSET_IF_BLANK] = Field(
        default_factory=_sqlite_in_home, repr=False, validation_alias="FOLDSWEEP_STORAGE_URL"
    )
    """SQLAlchemy URL of the database with all that a search remembers; may hold a password."""
    store_gb: Annotated[float, UNSET_IF_BLANK] = Field(
        default=50.0, gt=0, allow_inf_nan=False, validation_alias="FOLDSWEEP_STORE_GB"
    )
    """Cap of the images, views and features kept on disk, in gigabytes."""
    lease_s: Annotated[float, UNSET_IF_BLANK] = Field(
        default=60.0, gt=0, le=60, validation_alias="FOLDSWEEP_LEASE_S"
    )
    """For how long a worker that shows no sign of life keeps its trial."""
    checkpoints: Annotated[str, UNSET_IF_BLANK] = Field(
        default_factory=_folder_in_home, validation_alias="FOLDSWEEP_CHECKPOINTS"
    )
    """A folder, or a URL of fsspec: the states of trials that are too large for the database."""
    checkpoint_s: Annotated[float, UNSET_IF_BLANK] = Field(
        default=30.0, ge=0, allow_inf_nan=False, validation_alias="FOLDSWEEP_CHECKPOINT_S"
    )
    """Seconds of training after which the state of a trial is kept again, at an epoch's end."""
    visible_gpus: str | None = Field(default=None, validation_alias="CUDA_VISIBLE_DEVICES")
    """As it was set; None leaves all GPUs visible, and blank hides them."""

    @field_validator("home")
    @classmethod
    def _is_absolute(cls, home: Path) -> Path:
        try:
            return home.expanduser().absolute()
        except RuntimeError as error:  # ~nobody
            raise ValueError(f"{error}") from error

    @property
    def store_bytes(self) -> int:
        """The cap in bytes."""
        return int(self.store_gb * 1e9)

    def sweep_folder(self, name: str) -> Path:
        """Give the folder of a sweep's splits, logs and spooled results.

        A name with capitals has a mark in its folder that no name has: on the file systems of macOS
        ``Zoo`` and ``zoo`` would share one.
        """
        mark = "" if name == name.lower() else f"~{sha256(name.encode()).hexdigest()[:8]}"
        return self.home / "sweeps" / f"{name}{mark}"

    def travelling_environment(self) -> dict[str, str]:
        """Give the variables that a worker on another machine needs; they may hold passwords."""
        variables = {
            name: value
            for name, value in os.environ.items()
            if _TRAVELLING.fullmatch(name) and name not in _OF_ONE_MACHINE
        }
        return {
            **variables,
            "FOLDSWEEP_STORAGE_URL": self.storage_url,
            "FOLDSWEEP_LEASE_S": str(self.lease_s),
            "FOLDSWEEP_CHECKPOINT_S": str(self.checkpoint_s),
        }


def has_screen() -> bool:
    """Say whether a window can be opened here, as far as the environment tells."""
    if sys.platform in ("darwin", "win32"):
        return "SSH_CONNECTION" not in os.environ
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def child_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """Give the environment of this process with some variables set, for a worker process."""
    return {**os.environ, **changes}


def keep_ray_quiet() -> None:
    """Keep Ray from reporting usage, unless the person has decided.

    To be called before the first import of ray, which reads the variable.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
