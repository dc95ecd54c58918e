"""The sections of a sweep file that decide what a trial does."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from spaces.errors import InputError
from spaces.policy_text import policy_text

Metric = Literal["accuracy", "balanced_accuracy", "macro_f1", "log_loss"]
ScoreKind = Literal["robust", "clean", "shifted"]
SHIFT_STRENGTH: Final = "medium"
"""At which the shift is drawn, for validation and for the holdout alike."""

MOST_FEATURES: Final = 8192
"""Numbers that deep features of one image have at most."""


class Section(BaseModel):
    """Frozen and closed: a key that is not known is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _path_or_url(given: Any) -> Any:
    return Path(given) if isinstance(given, str) and not is_url(given) else given


def is_url(path: str) -> bool:
    """Say whether a text names data that lies elsewhere, such as ``s3://bucket/images.npz``."""
    return "://" in path


class DataSettings(Section):
    """Which images, at which size, and which of them are left out."""

    path: Annotated[Path | str, BeforeValidator(_path_or_url)]
    """A ``.npz`` file, a folder of class folders, or a ``.csv`` table; or a URL of one."""
    class_names: list[str] | None = None
    """Names for the classes 0, 1, ... of data whose labels are numbers."""
    image_px: int = Field(default=96, ge=16, le=1024)
    exclude: str = "audit"
    """``audit``, ``none``, or a file with one row number a line."""
    holdout: float = Field(default=0.15, ge=0.0, le=0.5)
    """Share of the rows that promotion alone sees."""


class ValidationSettings(Section):
    """How a trial is scored."""

    folds: int = Field(default=5, ge=2, le=20)
    metric: Metric = "accuracy"
    shift: str = "augmix+randaugment"
    """Policy of the shifted validation view, of one path that mixes no images; ``none`` switches
    it off."""
    score: ScoreKind = "robust"

    @field_validator("shift", mode="before")
    @classmethod
    def _write_short(cls, shift: Any) -> str:
        try:
            return policy_text(shift)
        except InputError as error:
            raise ValueError(str(error).rstrip(".")) from error


class TrainSettings(Section):
    """How long a trial trains."""

    head_epochs: int = Field(default=40, ge=0, le=10_000)
    views: int = Field(default=20, ge=1, le=10_000)
    """Distinct draws of the augmentation; epochs go round them."""
    finetune_epochs: int = Field(default=10, ge=0, le=10_000)
    finetune_top: float = Field(default=0.25, gt=0.0, le=1.0)
    """Share of the finished heads, the best, that is fine-tuned within a budget of trials."""
    finetune_share: float = Field(default=0.3, ge=0.0, lt=1.0)
    """Share of a budget of hours that is kept for fine-tuning: no head is begun in it."""
    patience: int = Field(default=5, ge=0, le=10_000)
    """Epochs without a better mean of the folds after which a stage ends; 0 never stops early, and
    under a cosine schedule none does."""
    batch_size: int = Field(default=64, ge=1, le=100_000)
    """Images a step, where the space has no ``batch_size`` of its own."""
