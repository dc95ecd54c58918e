"""What a launcher asks of an engine: places, each of which runs one worker at a time."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Ending:
    """How the worker of a place ended."""

    exit_code: int | None
    """None where nobody saw it: its machine has gone, or whoever kept it there was killed."""
    log: str
    """Where its log lies; to be read by a person."""
    tail: str
    """The log's last lines."""


class Place(Protocol):
    """A place for one worker process, filled again when it has ended."""

    def is_ready(self) -> bool:
        """Say whether a worker can be started here now."""

    def start(self, worker_id: str) -> None:
        """Start a worker whom the storage will know by that name."""

    def ending(self) -> Ending | None:
        """Say how the worker ended that was started last; None while it runs."""

    def interrupt(self) -> None:
        """Ask the worker to end in good order, and do not wait for it."""

    def end(self, timeout_s: float) -> None:
        """Wait for the worker's end for so long, then make it end."""
