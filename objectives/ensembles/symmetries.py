"""The square's symmetries: what a model may be shown of an image, to average over what it says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

Symmetry = Literal["none", "mirror", "flips", "square"]
"""How much of the square's symmetry is averaged over, as the strengths of the policy ``flip``."""
Images = TypeVar("Images", bound=Any)


@dataclass(frozen=True)
class Turn:
    """One symmetry: rows and columns swapped first, then flipped."""

    transpose: bool = False
    vertical: bool = False
    horizontal: bool = False


_FLIPS = (Turn(), Turn(horizontal=True), Turn(vertical=True), Turn(vertical=True, horizontal=True))
TURNS: Mapping[Symmetry, tuple[Turn, ...]] = {
    "none": _FLIPS[:1],
    "mirror": _FLIPS[:2],
    "flips": _FLIPS,
    "square": (*_FLIPS, *(Turn(True, turn.vertical, turn.horizontal) for turn in _FLIPS)),
}


def turned(images: Images, turn: Turn) -> Images:
    """Show square images ``(n, px, px, 3)`` turned; an array gives a view of itself."""
    shown = images.swapaxes(1, 2) if turn.transpose else images
    vertical = slice(None, None, -1 if turn.vertical else 1)
    horizontal = slice(None, None, -1 if turn.horizontal else 1)
    found: Images = shown[:, vertical, horizontal]
    return found
