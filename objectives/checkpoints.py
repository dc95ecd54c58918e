"""The state of a phase while it is trained: what is kept of it, any worker can go on from.

A state falls into parts, one for each fold for example, so that only what has changed is written
again. It is made of arrays alone: nothing is pickled.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Part:
    """A part of a state, whose arrays are read only if they are to be kept."""

    version: int
    """Equal versions of a part are equal arrays."""
    read: Callable[[], Arrays]


State = Mapping[str, Part]


class Checkpoints(Protocol):
    """Where the state of a phase is kept."""

    @property
    def seconds(self) -> float:
        """How long earlier attempts took to come to the state that was loaded."""
        ...

    def load(self, stage: str) -> Mapping[str, Arrays] | None:
        """Give the parts of the last state that was kept of a stage; None if none is in reach."""
        ...

    def save(self, stage: str, epoch: int, state: State, *, is_last: bool = False) -> None:
        """Keep a state, if enough time has gone by since the last that was kept.

        Args:
            stage: Its stage.
            epoch: The last one that is in it.
            state: All parts; those that have not changed are not read.
            is_last: Whether the process is about to end: keep it now, and raise nothing.
        """
        ...


class NoCheckpoints:
    """Keeps nothing: what is interrupted begins again."""

    seconds = 0.0

    def load(self, stage: str) -> None:
        """Know of nothing."""

    def save(self, stage: str, epoch: int, state: State, *, is_last: bool = False) -> None:
        """Keep nothing."""


@contextmanager
def kept_when_interrupted(
    checkpoints: Checkpoints, stage: str, epoch: int, state: Callable[[], State]
) -> Iterator[None]:
    """Keep what there is when a signal ends the block.

    Args:
        checkpoints: Where.
        stage: The stage.
        epoch: The last one that has ended; -1 for none.
        state: Gives the state; called wherever the block is.
    """
    try:
        yield
    except KeyboardInterrupt:
        checkpoints.save(stage, epoch, state(), is_last=True)
        raise
