"""What a promotion found, as Python, JSON and MLflow show it."""

from dataclasses import dataclass
from typing import Any

from mlruns_config.description.promotion import verdict_tags
from objectives.evaluation.holdout import HoldoutScores
from search.promotion.gate import GateDecision

Json = dict[str, Any]


@dataclass(frozen=True)
class Promotion:
    """The end of a promotion: what was asked, what the holdout said, and what was done."""

    model: str
    version: int | None
    """The registered version; None if the gate refused, for then nothing is registered."""
    alias: str | None
    """The alias that now points to the version; None if it was not moved."""
    trials: tuple[int, ...]
    holdout: HoldoutScores
    champion_holdout: HoldoutScores | None
    champion_before: int | None
    """The version that carried the alias before."""
    decision: GateDecision
    forced: bool
    reason: str
    looks: int
    """How often this holdout has been looked at, this time included."""
    run_id: str

    @property
    def passed(self) -> bool:
        """Whether the gate let the challenger through; a forced one may not have passed."""
        return self.decision.passed

    @property
    def uri(self) -> str | None:
        """The URI to predict with, or None."""
        return None if self.version is None else f"models:/{self.model}/{self.version}"

    def tags(self) -> dict[str, str]:
        """Give what the run and the version say of the gate's answer."""
        return verdict_tags(
            "forced" if self.forced else "passed" if self.passed else "failed",
            self.reason,
            looks=self.looks,
            holdout=scores_json(self.holdout),
        )

    def to_json(self) -> Json:
        """Give what ``foldsweep promote --json`` prints."""
        return {
            "model": self.model,
            "version": self.version,
            "alias": self.alias,
            "uri": self.uri,
            "trials": list(self.trials),
            "holdout": scores_json(self.holdout),
            "looks": self.looks,
            "champion_before": self.champion_before,
            "champion_holdout": self.champion_holdout and scores_json(self.champion_holdout),
            "passed": self.passed,
            "forced": self.forced,
            "reason": self.reason,
            "gate": decision_json(self.decision),
            "run_id": self.run_id,
        }


def scores_json(scores: HoldoutScores) -> Json:
    """Give each view's score and interval; a view that the sweep does not have is null."""
    return {
        view: found and {"score": found.score, "interval": [found.low, found.high]}
        for view, found in scores.by_view().items()
    }


def decision_json(decision: GateDecision) -> Json:
    """Give the figures that the gate decided by."""
    return {
        "rival": decision.rival,
        "score": decision.score,
        "rival_score": decision.rival_score,
        "difference": decision.difference,
        "interval": list(decision.interval),
        "threshold": decision.threshold,
        "images": decision.n_images,
    }
