"""The home: the folder of this machine in which sweeps, views, features and logs lie."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from spaces.errors import InputError, UnavailableError
from spaces.files import replacing

FORMAT = 1
_MARKER = "foldsweep-home.json"
_OWN_FOLDERS = ("sweeps", "data", "store")


def claim_home(home: Path) -> None:
    """Make the home, or see that it is one that this foldsweep can use.

    Raises:
        InputError: If it was made by a foldsweep of another format.
        UnavailableError: If it cannot be written.
    """
    marker = home / _MARKER
    try:
        home.mkdir(parents=True, exist_ok=True)
        check_home(home)
        if not marker.exists():
            with replacing(marker) as file:
                file.write(json.dumps({"format": FORMAT}).encode())
    except OSError as error:
        raise UnavailableError(f"the home {home} cannot be used: {error.strerror}.") from error


def check_home(home: Path) -> None:
    """See that a home is one that this foldsweep can use, or none yet; nothing is made.

    Raises:
        InputError: If it was made by a foldsweep of another format.
        UnavailableError: If it cannot be read.
    """
    marker = home / _MARKER
    try:
        if not marker.exists():
            if any((home / name).exists() for name in _OWN_FOLDERS):
                raise InputError(
                    f"the home {home} was made by a foldsweep from before its first release and "
                    "cannot be used: move it away, or set FOLDSWEEP_HOME to another folder."
                )
            return
        found = json.loads(marker.read_bytes()).get("format")
    except OSError as error:
        raise UnavailableError(f"the home {home} cannot be used: {error.strerror}.") from error
    except (ValueError, AttributeError):
        found = None
    if found != FORMAT:
        raise InputError(
            f"the home {home} has the format {found}, this foldsweep's is {FORMAT}: use the "
            "foldsweep that made it, or set FOLDSWEEP_HOME to another folder."
        )


@contextmanager
def machine_lock(home: Path, name: str) -> Iterator[None]:
    """Hold a lock of all processes of this machine that share the home; it may be for minutes."""
    folder = home / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{name}.lock"):
        yield
