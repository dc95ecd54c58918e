"""Opens sweeps and registries for commands, without making a home where there is none."""

from typing import TYPE_CHECKING

from spaces.errors import InputError

if TYPE_CHECKING:
    from mlruns_config.settings import TrackingSettings
    from search.sweep import Sweep


def open_sweep(name: str) -> "Sweep":
    """Find a sweep by its name.

    Raises:
        InputError: If it does not exist; nothing is made then.
    """
    from search.settings import RuntimeSettings
    from search.storage.storage import storage_exists
    from search.sweep import Sweep

    settings = RuntimeSettings.from_environment()
    if not storage_exists(settings.storage_url):
        raise InputError(
            f"there is no sweep {name!r}: nothing was launched yet from {settings.home}. Launch "
            "one, or set FOLDSWEEP_HOME to the folder of the one you mean."
        )
    return Sweep.open(name)


def tracking_of_home() -> "TrackingSettings":
    """Find the MLflow of this home.

    Raises:
        InputError: If nothing was written to it yet; nothing is made then.
    """
    from mlruns_config.settings import TrackingSettings
    from search.settings import RuntimeSettings

    tracking = TrackingSettings.from_environment(RuntimeSettings.from_environment().home)
    if not tracking.is_server and not tracking.sqlite_path.exists():
        raise InputError(
            f"nothing was tracked yet: there is no {tracking.sqlite_path}. Promote a sweep first, "
            "or set FOLDSWEEP_HOME to the folder of the one you mean."
        )
    return tracking
