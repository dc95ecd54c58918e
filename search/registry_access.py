"""Reaches the registry of a home without making one where there is none."""

from mlruns_config.settings import TrackingSettings
from search.settings import RuntimeSettings
from spaces.errors import InputError


def existing_registry() -> TrackingSettings:
    """Say where the registry of the environment is.

    Raises:
        InputError: If that is a file which does not exist, or the environment is wrong.
    """
    settings = TrackingSettings.from_environment(RuntimeSettings.from_environment().home)
    if not settings.is_server and not settings.sqlite_path.exists():
        raise InputError(
            f"no model was registered yet: there is no {settings.sqlite_path}. Promote a trial "
            "first, or set FOLDSWEEP_HOME to the folder of one."
        )
    return settings
