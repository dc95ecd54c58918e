"""How much ``bench/time_to_score.py`` does: the same code at every size."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class ScoreSize:
    """Numbers of images, folds, minutes and epochs."""

    name: str
    generated_images: int
    """Images that are drawn instead of read; 0 reads the real ones."""
    minutes: float
    """Of each of the two searches."""
    looked_at_minutes: tuple[float, ...]
    """When, besides the end and the first finished trial, the sweep's candidates are made."""
    folds: int
    plain_head_epochs: int
    """Most of the plain loop's; early stopping ends most fits before."""
    plain_finetune_epochs: int
    fixed_head_epochs: int
    fixed_views: int
    """Distinct draws of the augmentation that the fixed heads are trained on."""
    sweep_train: Mapping[str, Any] = field(default_factory=dict)
    """Of the sweep's section ``train``, what is not left at its default."""
    set_aside: float = 0.2
    """Share of the groups of images that nothing sees until the end."""
    gate_holdout: float = 0.15
    """Share of the rest that the sweep keeps for promotion: the others don't train on it either."""
    image_px: int = 96

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ScoreSize":
        """Read it from plain data."""
        return cls(**{**values, "looked_at_minutes": tuple(values["looked_at_minutes"])})


FULL = ScoreSize(
    name="full",
    generated_images=0,
    minutes=20.0,
    looked_at_minutes=(2.0, 5.0, 10.0),
    folds=5,
    plain_head_epochs=10,
    plain_finetune_epochs=5,
    fixed_head_epochs=40,
    fixed_views=20,
)
SMALL = ScoreSize(
    name="small",
    generated_images=160,
    minutes=1.0,
    looked_at_minutes=(),
    folds=2,
    plain_head_epochs=1,
    plain_finetune_epochs=1,
    fixed_head_epochs=4,
    fixed_views=2,
    sweep_train={"head_epochs": 4, "views": 2, "finetune_epochs": 1},
)
