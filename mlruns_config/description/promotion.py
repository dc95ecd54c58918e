"""The run of a promotion, and the version of a registered model that it makes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from mlruns_config import names
from mlruns_config.description.numbers import (
    CalibrationNumbers,
    ComparisonNumbers,
    HoldoutView,
    IntervalNumbers,
    Stage,
)
from mlruns_config.description.origin import ORIGIN_TAGS, Origin
from mlruns_config.description.specs import ArtifactSpec, MetricSpec, RunDescription, TagSpec
from mlruns_config.description.trial import FINETUNE_PARAMS, TRIAL_PARAMS
from mlruns_config.description.trial_metrics import SCORE_UNIT, SHARE

Whose = Literal["holdout", "champion"]
CalibrationRows = Literal["oof", "holdout"]
Tempered = Literal["before", "after"]
Verdict = Literal["passed", "failed", "forced"]
SHARED = "all members share it"

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

MEMBERS_TAG = TagSpec(
    names.TAG_MEMBERS, "JSON: the weight of each trial that answers, by its number."
)

REFIT_LOSS = MetricSpec(
    "refit/trial_{trial}/{stage}_loss",
    "Training loss of a member's refit.",
    unit="nats",
    step="epoch of the stage",
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
CHOICE_SINGLE = MetricSpec(
    "choice/single_score",
    "Out-of-fold score of the single best trial, chosen without each fold in turn.",
    "the predictions of some trial were found",
    unit=SCORE_UNIT,
)
CHOICE_SCORE = MetricSpec(
    "choice/{form}_score",
    "The same of a more complex form, which was compared with what was taken before it.",
    "there was more than one trial to choose from",
    unit=SCORE_UNIT,
)
CHOICE_GAIN = MetricSpec(
    "choice/{form}_gain", "Its gain over that.", CHOICE_SCORE.when, unit=SCORE_UNIT
)
CHOICE_GAIN_LOW = MetricSpec(
    "choice/{form}_gain_low",
    "Lower end of the gain's interval: the form is taken by itself only if this is above 0.",
    CHOICE_SCORE.when,
    unit=SCORE_UNIT,
)
CHOICE_GAIN_HIGH = MetricSpec(
    "choice/{form}_gain_high",
    "Upper end of the gain's interval.",
    CHOICE_SCORE.when,
    unit=SCORE_UNIT,
)
CALIBRATION_LOG_LOSS = MetricSpec(
    "calibration/{rows}_log_loss_{tempered}",
    "Log loss before and after the temperatures, out of fold and on the held-out images, over the "
    "views that the sweep's score looks at.",
    CHOICE_SINGLE.when,
    unit="nats",
)
CALIBRATION_ERROR = MetricSpec(
    "calibration/{rows}_error_{tempered}",
    "The same of the expected calibration error (15 bins).",
    CHOICE_SINGLE.when,
    unit=SHARE,
)
LATENCY = MetricSpec(
    "latency/{model}_batch_{size}_ms",
    "How long an image takes on the machine of the promotion, of the training size, in batches "
    "of that many; `single` is the heaviest member by itself.",
    "the gate has answered",
    unit="ms an image",
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
MEMBERS = ArtifactSpec(
    "members.json",
    "Parameters, weight and temperature of each member; what was compared, with gains and "
    "intervals; trials that were left out, with the reason.",
)

HOLDOUT_ANSWERS = ArtifactSpec(
    "holdout_answers.npz",
    "The probabilities of challenger and champion for each held-out image, clean, shifted and "
    "under each corruption, with the image's name, group and content: what `foldsweep compare` "
    "reads.",
    "the gate has answered",
)
ANSWERS_BESIDE = ArtifactSpec(
    "holdout_answers_beside_{version}.npz",
    "The same of this run's version and of another one, whose number it is.",
    "`foldsweep compare --look` has asked both",
)
MODEL_CARD = ArtifactSpec(
    "model_card.md",
    "What the registered model is, in Markdown; the version's description has as much of it as "
    "MLflow takes.",
    "registered",
)

PROMOTION = RunDescription(
    params=(
        *(replace(spec, when=SHARED) for spec in TRIAL_PARAMS),
        *(replace(spec, when=f"{spec.when}, and {SHARED}") for spec in FINETUNE_PARAMS),
    ),
    tags=(
        *ORIGIN_TAGS,
        TagSpec(names.TAG_KIND, "`promotion`; trials have none."),
        TagSpec(names.TAG_KEY, "What its process is known by while it lives."),
        TagSpec(
            names.TAG_DRY_RUN, "`yes`: nothing was registered, whatever the gate said.", "a dry run"
        ),
        MEMBERS_TAG,
        *VERDICT_TAGS,
        MODEL_SHA256,
        TagSpec(names.TAG_MODEL, "The version: `models:/NAME/NUMBER`.", "the alias was moved"),
        TagSpec(names.TAG_RUN_NAME, "MLflow's own: sweep and trials."),
    ),
    metrics=(
        REFIT_LOSS,
        HOLDOUT_SCORE,
        HOLDOUT_LOW,
        HOLDOUT_HIGH,
        CHOICE_SINGLE,
        CHOICE_SCORE,
        CHOICE_GAIN,
        CHOICE_GAIN_LOW,
        CHOICE_GAIN_HIGH,
        CALIBRATION_LOG_LOSS,
        CALIBRATION_ERROR,
        LATENCY,
    ),
    artifacts=(
        TRAINING_CONTENT,
        MEMBERS,
        HOLDOUT_ANSWERS,
        ANSWERS_BESIDE,
        HOLDOUT_CONFUSION,
        HOLDOUT_SCORES,
        MODEL_CARD,
    ),
)
VERSION_TAGS = (
    *ORIGIN_TAGS,
    MEMBERS_TAG,
    *VERDICT_TAGS,
    MODEL_SHA256,
    TagSpec(
        names.TAG_VERIFIED,
        "`yes` once a process without foldsweep has given the same predictions, before `no`.",
    ),
)
MODEL_TAGS = (
    TagSpec(
        names.TAG_MOVE,
        "One tag for each move of an alias, with a number and letters behind the name. JSON: "
        "`number`, `alias`, `before` and `after` (versions), `kind` (`promotion`, `forced "
        "promotion`, `challenger` or `rollback`), `reason`, `at`, `who`, `host`, `figures`, "
        "`run_id`, `carried_out`.",
        "an alias was moved",
    ),
)
EXPERIMENT_TAGS = (
    TagSpec(names.TAG_SWEEP, "The sweep's name."),
    TagSpec(
        names.TAG_EXPERIMENT_KIND,
        "MLflow's own: `custom_model_development`, so that it opens in the view for training.",
    ),
    TagSpec(
        names.TAG_RUN_LIST,
        "MLflow's own: the run list that `foldsweep ui SWEEP` opens, its columns, order and "
        "charts. Among the saved views of the experiment it is *foldsweep: trials by score*.",
    ),
    TagSpec(
        names.TAG_PAGE_LIST,
        "MLflow's own: another saved view, *foldsweep: the sweep's page, promotions*, of the runs "
        "that are no trials.",
    ),
    TagSpec(names.TAG_NOTE, "MLflow's own, the description: which views to look at."),
)


def promotion_tags(
    origin: Origin, weights: Mapping[int, float], *, dry_run: bool
) -> dict[str, str]:
    """Say what is known before the refit."""
    dry = {names.TAG_DRY_RUN: "yes"} if dry_run else {}
    return {**member_tags(origin, weights), names.TAG_KIND: "promotion", **dry}


def member_tags(origin: Origin, weights: Mapping[int, float]) -> dict[str, str]:
    """Say where a model comes from and who answers in it, by trial.

    Args:
        origin: Of the heaviest member.
        weights: Of all, by trial.
    """
    return {**origin.tags(), names.TAG_MEMBERS: json.dumps(dict(weights))}


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


def refit_metrics(trial: int, stage: Stage, loss: float) -> dict[str, float]:
    """Name what is known after an epoch of a member's refit."""
    return {REFIT_LOSS.named(trial=trial, stage=stage): loss}


def choice_metrics(
    single_score: float, comparisons: Sequence[ComparisonNumbers]
) -> dict[str, float]:
    """Name what the choice of members was made by."""
    metrics = {CHOICE_SINGLE.name: single_score}
    for found in comparisons:
        metrics[CHOICE_SCORE.named(form=found.form)] = found.score
        metrics[CHOICE_GAIN.named(form=found.form)] = found.gain.score
        metrics[CHOICE_GAIN_LOW.named(form=found.form)] = found.gain.low
        metrics[CHOICE_GAIN_HIGH.named(form=found.form)] = found.gain.high
    return metrics


def calibration_metrics(
    rows: CalibrationRows, found: Mapping[Tempered, CalibrationNumbers]
) -> dict[str, float]:
    """Name what the temperatures do to the probabilities of some rows."""
    metrics: dict[str, float] = {}
    for tempered, numbers in found.items():
        parts = {"rows": rows, "tempered": tempered}
        metrics[CALIBRATION_LOG_LOSS.named(**parts)] = numbers.log_loss
        metrics[CALIBRATION_ERROR.named(**parts)] = numbers.calibration_error
    return metrics


def latency_metrics(latencies_ms: Mapping[str, Mapping[int, float]]) -> dict[str, float]:
    """Name how long an image takes: by model, ``registered`` or ``single``, and batch size."""
    return {
        LATENCY.named(model=model, size=size): ms
        for model, by_size in latencies_ms.items()
        for size, ms in by_size.items()
    }


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
