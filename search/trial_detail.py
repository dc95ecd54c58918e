"""What the storage keeps of a trial's result, read in one place."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from objectives.records import Sharing, Stage, View, ViewSummary
from search.storage.records import Slot
from spaces.errors import InputError


class TrialDetail(BaseModel):
    """What is kept besides the scores, see :mod:`objectives.trial_summary`; empty at first."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    fold_scores: tuple[float, ...] = ()
    epochs: Mapping[Stage, int] = {}
    """Epochs of each stage that the folds found."""
    summaries: Mapping[View, ViewSummary] = {}
    stage_s: Mapping[Stage, float] = {}
    sharing: Sharing | None = None
    metrics: Mapping[str, float] = {}
    """An objective's own numbers."""

    @classmethod
    def of(cls, slot: Slot) -> Self:
        """Read what a database holds of a trial.

        Raises:
            InputError: If it is not what a trial of foldsweep leaves.
        """
        try:
            return cls.model_validate({**(slot.detail or {}), **cls._scores(slot)})
        except ValidationError as error:
            found = error.errors()[0]
            place = ".".join(str(part) for part in found["loc"])
            raise InputError(
                f"what is stored of trial {slot.trial} cannot be read: {place} is "
                f"{found['input']!r} ({found['msg']}). Promote another trial with --trial, or run "
                "it anew."
            ) from None

    @classmethod
    def _scores(cls, slot: Slot) -> Mapping[str, Any]:  # noqa: ARG003
        return {}


class TrialFindings(TrialDetail):
    """All numbers of a trial that has a score, as MLflow is told them."""

    score: float
    clean: float
    shifted: float | None

    @classmethod
    def _scores(cls, slot: Slot) -> Mapping[str, Any]:
        return {"score": slot.score, "clean": slot.clean, "shifted": slot.shifted}
