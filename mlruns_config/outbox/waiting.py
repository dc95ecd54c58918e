"""What waits for MLflow in the spools of a sweep, without sending it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlruns_config.outbox.messages import Message
from mlruns_config.outbox.ownership import Ownership, spool_folders
from mlruns_config.outbox.rejected import FOLDER_NAME


@dataclass(frozen=True)
class WaitingSpool:
    """One spool."""

    folder: Path
    is_owned: bool
    """Whether a living process sends it."""
    n_messages: int
    keys: frozenset[str]
    """Of the runs that messages wait for."""
    n_refused: int
    """Things that MLflow has refused for good."""


def waiting_spools(folder: Path) -> list[WaitingSpool]:
    """Look into all spools in a folder.

    Whatever is in none of them has been sent, if it was spooled before.
    """
    return [_look(path) for path in spool_folders(folder)]


def _look(folder: Path) -> WaitingSpool:
    keys = list(_keys(folder))
    refused = list((folder / FOLDER_NAME).glob("*.json"))
    is_owned = bool(keys) and _is_owned(folder)
    return WaitingSpool(folder, is_owned, len(keys), frozenset(keys), len(refused))


def _is_owned(folder: Path) -> bool:
    owner = Ownership(folder)
    try:
        if not owner.take_over():
            return True
    except OSError:
        return True
    owner.give_back(remove=False)
    return False


def _keys(folder: Path) -> Iterator[str]:
    """Give the key of each message."""
    # In this order: what is completed meanwhile is among the latter.
    names = {path.stem for path in folder.glob("*.open")}
    names |= {path.stem for path in folder.glob("*.jsonl")}
    for name in sorted(names):
        for line in filter(None, _content(folder / name).split(b"\n")):
            try:
                yield Message.from_line(line).run.key
            except ValueError:
                yield ""  # Cut off when its process was killed.


def _content(path: Path) -> bytes:
    for suffix in (".open", ".jsonl"):
        try:
            return path.with_suffix(suffix).read_bytes()
        except FileNotFoundError:
            continue
    return b""  # It was sent while we looked.
