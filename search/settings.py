"""Where sweeps live: the one place in which this package reads the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from spaces.errors import InputError

DEFAULT_STORE_GB = 50.0


@dataclass(frozen=True)
class RuntimeSettings:
    """What a machine sets, whatever the sweep."""

    home: Path
    """Absolute; sweeps, views, features, logs and, by default, the databases live in it."""
    storage_url: str
    """SQLAlchemy URL of the database with study and ledger; may hold a password."""
    store_bytes: int
    """Cap of the images, views and features kept on disk."""
    visible_gpus: str | None
    """``CUDA_VISIBLE_DEVICES`` as it was set; None leaves all GPUs visible."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "RuntimeSettings":
        """Read ``FOLDSWEEP_HOME``, ``FOLDSWEEP_STORAGE_URL`` and ``FOLDSWEEP_STORE_GB``.

        Raises:
            InputError: If the cap is not a positive number.
        """
        values = os.environ if environment is None else environment
        home = Path(values.get("FOLDSWEEP_HOME") or "foldsweep-home").expanduser().absolute()
        return cls(
            home=home,
            storage_url=values.get("FOLDSWEEP_STORAGE_URL") or f"sqlite:///{home}/foldsweep.db",
            store_bytes=_gigabytes(values.get("FOLDSWEEP_STORE_GB")),
            visible_gpus=values.get("CUDA_VISIBLE_DEVICES"),
        )

    def sweep_folder(self, name: str) -> Path:
        """Give the folder of a sweep's splits, logs and spooled results."""
        return self.home / "sweeps" / name


def child_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """Give the environment of this process with some variables set, for a worker process."""
    return {**os.environ, **changes}


def _gigabytes(text: str | None) -> int:
    try:
        size_gb = float(text or DEFAULT_STORE_GB)
    except ValueError:
        size_gb = 0.0
    if not 0 < size_gb < float("inf"):
        raise InputError(f"FOLDSWEEP_STORE_GB = {text!r} is not a positive number of gigabytes.")
    return int(size_gb * 1e9)
