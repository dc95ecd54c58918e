"""Opens sweeps for commands that only look, without making a home where there is none."""

from typing import TYPE_CHECKING

from spaces.errors import InputError

if TYPE_CHECKING:
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
