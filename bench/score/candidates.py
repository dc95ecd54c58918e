"""What a search would hand over at a moment: one or more models, and when they were ready."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Part = Literal["plain", "fixed", "sweep"]


@dataclass(frozen=True)
class Candidate:
    """Keras files, from raw uint8 images to probabilities, whose answers are averaged."""

    part: Part
    form: str
    """How it is made: ``folds``, ``refit``, ``heads``, ``single``, ``auto``."""
    seed: int
    minute: float
    """Of what was finished by then it is made."""
    seconds: float
    """When it is ready, from the start of the part's process."""
    files: tuple[str, ...]
    about: Mapping[str, Any] = field(default_factory=dict)
    """Trials, scores out of fold and the like."""

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Candidate":
        """Read it from plain data."""
        return cls(**{**values, "files": tuple(values["files"])})
