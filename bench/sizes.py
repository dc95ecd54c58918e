"""How much a benchmark does: the same code at every size."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Size:
    """Numbers of images, folds, epochs and trials."""

    name: str
    images: int
    folds: int
    epochs: int
    policies: int
    """How many of the list's policies: with each backbone one pair."""
    heads_per_pair: int
    timed_folds: int
    """Folds of one trial a pair that the plain loop really trains; the others are scaled."""
    sweep_images: int
    sweep_trials: int
    sweep_head_epochs: int
    sweep_finetune_epochs: int
    timed_epochs: int
    """Epochs for which the plain loop trains one fold of each kind that the real sweep met."""
    equality_images: int
    """0 takes all."""
    equality_epochs: int
    equality_heads_per_pair: int
    image_px: int = 96

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain data."""
        return asdict(self)


FULL = Size(
    name="full",
    images=1000,
    folds=5,
    epochs=10,
    policies=2,
    heads_per_pair=6,
    timed_folds=2,
    sweep_images=600,
    sweep_trials=30,
    sweep_head_epochs=12,
    sweep_finetune_epochs=3,
    timed_epochs=2,
    equality_images=0,
    equality_epochs=8,
    equality_heads_per_pair=6,
)
SMALL = Size(
    name="small",
    images=120,
    folds=5,
    epochs=2,
    policies=1,
    heads_per_pair=3,
    timed_folds=1,
    sweep_images=100,
    sweep_trials=2,
    sweep_head_epochs=3,
    sweep_finetune_epochs=1,
    timed_epochs=2,
    equality_images=600,
    equality_epochs=4,
    equality_heads_per_pair=3,
)
