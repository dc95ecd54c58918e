"""What the storage keeps of a trial's result beside its scores, read in one place."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from objectives.records import Stage
from spaces.errors import InputError


class TrialDetail(BaseModel):
    """Fold scores, epochs and metrics of a trial; empty before it has a result."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    fold_scores: tuple[float, ...] = ()
    epochs: Mapping[Stage, int] = {}
    """Epochs of each stage that the folds found."""
    metrics: Mapping[str, float] = {}

    @classmethod
    def read(cls, stored: Mapping[str, Any] | None, trial: int) -> "TrialDetail":
        """Read what a database holds.

        Args:
            stored: The column's value.
            trial: The number, for the error.

        Raises:
            InputError: If it is not what a trial of foldsweep leaves.
        """
        try:
            return cls.model_validate(stored or {})
        except ValidationError as error:
            found = error.errors()[0]
            place = ".".join(str(part) for part in found["loc"])
            raise InputError(
                f"what is stored of trial {trial} cannot be read: {place} is {found['input']!r} "
                f"({found['msg']}). Promote another trial with --trial, or run it anew."
            ) from None
