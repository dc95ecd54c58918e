"""The run of a promotion, and the version of a registered model that it makes."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from mlruns_config import names
from mlruns_config.description.numbers import HoldoutView, IntervalNumbers, Stage
from mlruns_config.description.origin import ORIGIN_TAGS, Origin
from mlruns_config.description.specs import ArtifactSpec, MetricSpec, RunDescription, TagSpec
from mlruns_config.description.trial import FINETUNE_PARAMS, TRIAL_PARAMS
from mlruns_config.description.trial_metrics import SCORE_UNIT

Whose = Literal["holdout", "champion"]
Verdict = Literal["passed", "failed", "forced"]

VERDICT_TAGS = (
    TagSpec(names.TAG_GATE, "`passed`, `failed` or `forced`.", "the gate has answered"),
    TagSpec(names.TAG_REASON, "The figures of the gate, or why the promotion failed.", "known"),
    TagSpec(
        names.TAG_LOOKS,
        "How often this holdout had been looked at, this time included.",
        "the gate has answered",
    ),
    TagSpec(
        names.TAG_HOLDOUT,
        "JSON: the scores on the holdout, each with its interval.",
        "the gate has answered",
    ),
)
MODEL_SHA256 = TagSpec(
    names.TAG_MODEL_SHA256,
    "SHA-256 of the Keras file: no other file is loaded from the registry.",
    "registered",
)

REFIT_LOSS = MetricSpec(
    "refit/{stage}_loss", "Training loss of the refit.", unit="nats", step="epoch of the stage"
)
HOLDOUT_SCORE = MetricSpec(
    "{whose}/{holdout_view}",
    "Score on the held-out images; `champion` is the present champion's on the same ones.",
    "the gate has answered",
    unit=SCORE_UNIT,
)
HOLDOUT_LOW = MetricSpec(
    "{whose}/{holdout_view}_low",
    "Lower end of its 95 % interval.",
    HOLDOUT_SCORE.when,
    unit=SCORE_UNIT,
)
HOLDOUT_HIGH = MetricSpec(
    "{whose}/{holdout_view}_high",
    "Upper end of its 95 % interval.",
    HOLDOUT_SCORE.when,
    unit=SCORE_UNIT,
)

TRAINING_CONTENT = ArtifactSpec(
    "training_content.npy", "64 bits of the content of each image that the refit trains on."
)
HOLDOUT_CONFUSION = ArtifactSpec(
    "holdout_confusion.png",
    "True classes by predicted ones, held-out images.",
    "the gate has answered",
)
HOLDOUT_SCORES = ArtifactSpec(
    "holdout_scores.png", "The scores with their intervals.", "the gate has answered"
)

PROMOTION = RunDescription(
    params=(*TRIAL_PARAMS, *FINETUNE_PARAMS),
    tags=(
        *ORIGIN_TAGS,
        TagSpec(names.TAG_KIND, "`promotion`; trials have none."),
        TagSpec(names.TAG_KEY, "What its process is known by while it lives."),
        *VERDICT_TAGS,
        MODEL_SHA256,
        TagSpec(names.TAG_MODEL, "The version: `models:/NAME/NUMBER`.", "the alias was moved"),
        TagSpec(names.TAG_RUN_NAME, "MLflow's own: sweep and trial."),
    ),
    metrics=(REFIT_LOSS, HOLDOUT_SCORE, HOLDOUT_LOW, HOLDOUT_HIGH),
    artifacts=(TRAINING_CONTENT, HOLDOUT_CONFUSION, HOLDOUT_SCORES),
)
VERSION_TAGS = (
    *ORIGIN_TAGS,
    *VERDICT_TAGS,
    MODEL_SHA256,
    TagSpec(
        names.TAG_VERIFIED,
        "`yes` once a process without foldsweep has given the same predictions, before `no`.",
    ),
)
EXPERIMENT_TAGS = (TagSpec(names.TAG_SWEEP, "The sweep's name."),)


def promotion_tags(origin: Origin) -> dict[str, str]:
    """Say what is known before the refit."""
    return {**origin.tags(), names.TAG_KIND: "promotion"}


def verdict_tags(
    verdict: Verdict, reason: str, *, looks: int, holdout: Mapping[str, Any]
) -> dict[str, str]:
    """Say what the gate said and from which scores; for the run and for the version.

    Args:
        verdict: Its answer.
        reason: With its figures.
        looks: At this holdout, this time included.
        holdout: Score and interval of each view, as plain data.
    """
    return {
        names.TAG_GATE: verdict,
        names.TAG_REASON: reason,
        names.TAG_LOOKS: str(looks),
        names.TAG_HOLDOUT: json.dumps(holdout),
    }


def refit_metrics(stage: Stage, loss: float) -> dict[str, float]:
    """Name what is known after an epoch of the refit."""
    return {REFIT_LOSS.named(stage=stage): loss}


def holdout_metrics(
    whose: Whose, scores: Mapping[HoldoutView, IntervalNumbers | None]
) -> dict[str, float]:
    """Name the scores of a look at the holdout.

    Args:
        whose: ``holdout`` are the challenger's, ``champion`` the present champion's.
        scores: By view; None for one that the sweep does not have.
    """
    metrics: dict[str, float] = {}
    for view, found in scores.items():
        if found is not None:
            parts = {"whose": whose, "holdout_view": view}
            metrics[HOLDOUT_SCORE.named(**parts)] = found.score
            metrics[HOLDOUT_LOW.named(**parts)] = found.low
            metrics[HOLDOUT_HIGH.named(**parts)] = found.high
    return metrics
