"""What a promotion found, as Python, JSON and MLflow show it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mlruns_config.description.promotion import Tempered, verdict_tags
from objectives.ensembles.calibration import CalibrationNumbers
from objectives.ensembles.choosing import Choice
from objectives.evaluation.holdout import HoldoutScores
from search.promotion.gate import GateDecision
from search.promotion.lineup import Lineup

Json = dict[str, Any]


@dataclass(frozen=True)
class Promotion:
    """The end of a promotion: what was asked, what the holdout said, and what was done."""

    model: str
    version: int | None
    """The registered version; None if the gate refused, for then nothing is registered."""
    alias: str | None
    """The alias that now points to the version; None if it was not moved."""
    lineup: Lineup
    """The trials that answer together, or the one that answers alone."""
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
    calibration: Mapping[Tempered, CalibrationNumbers] = field(default_factory=dict)
    """On the held-out images as the sweep's score sees them, before and after the temperatures."""
    latencies_ms: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    """Milliseconds an image by model, ``registered`` and ``single``, and batch size."""
    destination: str | None = None
    """The alias that the version gets, or would get but for the dry run; None registers none."""
    dry_run: bool = False
    """Whether nothing was registered and no alias moved, whatever the gate said."""

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

    def figures(self) -> Json:
        """Give what an alias is moved by, for the model's history."""
        return {
            "trials": list(self.lineup.trials),
            "gate": decision_json(self.decision),
            "holdout": scores_json(self.holdout),
            "looks": self.looks,
        }

    def to_json(self) -> Json:
        """Give what ``foldsweep promote --json`` prints."""
        return {
            "model": self.model,
            "version": self.version,
            "alias": self.alias,
            "uri": self.uri,
            "destination": self.destination,
            "dry_run": self.dry_run,
            "trials": list(self.lineup.trials),
            **lineup_json(self.lineup),
            "holdout": scores_json(self.holdout),
            "calibration": {when: asdict(found) for when, found in self.calibration.items()},
            "latency_ms": {
                model: {str(size): ms for size, ms in by_size.items()}
                for model, by_size in self.latencies_ms.items()
            },
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


def lineup_json(lineup: Lineup) -> Json:
    """Give who answers, and what was compared before they were chosen."""
    return {
        "members": [
            {
                "trial": member.candidate.trial,
                "weight": member.weight,
                "temperature": member.temperature,
                "symmetry": member.symmetry,
            }
            for member in lineup.members
        ],
        "combination": lineup.combination,
        "temperature": lineup.temperature,
        "choice": lineup.choice and choice_json(lineup.choice),
        "left_out": {str(trial): reason for trial, reason in lineup.left_out.items()},
    }


def choice_json(choice: Choice) -> Json:
    """Give out-of-fold scores: each form's was chosen without the fold that it is scored on."""
    return {
        "score": choice.score,
        "single_score": choice.single_score,
        "comparisons": [
            {
                "form": found.form,
                "rival": found.rival,
                "score": found.score,
                "gain": found.gain.score,
                "interval": [found.gain.low, found.gain.high],
                "taken": found.is_taken,
            }
            for found in choice.comparisons
        ],
        "calibration": {"before": asdict(choice.before), "after": asdict(choice.after)},
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
