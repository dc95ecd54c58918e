"""The tags of a trial's run."""

import json
from collections.abc import Mapping

from mlruns_config import names
from mlruns_config.description.labels import metric_labels
from mlruns_config.description.origin import ORIGIN_TAGS, SOURCE_TAGS, Origin, source_tags
from mlruns_config.description.specs import FINETUNE_ENDED, FINETUNED, TagSpec

TRIAL_TAGS = (
    *ORIGIN_TAGS,
    TagSpec(
        names.TAG_CLASS_LABELS,
        "JSON: the label of a class in the names of metrics, by its name.",
        "some class has a name that MLflow does not allow there",
    ),
    TagSpec(names.TAG_KEY, "The sweep's id and the trial: one run of MLflow for each."),
    TagSpec(names.TAG_ATTEMPT, "The latest attempt; what earlier ones still say is left out."),
    TagSpec(
        names.TAG_FINETUNE_ATTEMPT, "The same of fine-tuning, which counts its own.", FINETUNED
    ),
    TagSpec(names.TAG_VERSIONS, "JSON: the libraries and scoring rules that scores depend on."),
    TagSpec(names.TAG_DEVICE, "What its first stage was computed on."),
    TagSpec(names.TAG_WORKER, "The worker that ran its first stage."),
    TagSpec(names.TAG_PAIR, "Backbone, weights, features, policy, strength: what is shared."),
    TagSpec(
        names.TAG_STATE,
        "`complete`, `pruned` or `failed`; fine-tuning, which comes after, does not change it.",
        "its first stage has ended",
    ),
    TagSpec(names.TAG_REASON, "Why it ended early or failed.", "it did"),
    TagSpec(names.TAG_FINETUNE_DEVICE, "What fine-tuning was computed on.", FINETUNED),
    TagSpec(names.TAG_FINETUNE_WORKER, "The worker that fine-tuned.", FINETUNED),
    TagSpec(
        names.TAG_FINETUNE_STATE,
        "`complete`, `pruned` or `failed`: of fine-tuning.",
        FINETUNE_ENDED,
    ),
    TagSpec(
        names.TAG_FINETUNE_REASON,
        "Why fine-tuning ended early or failed.",
        "fine-tuned, and it did",
    ),
    TagSpec(
        names.TAG_STAGE,
        "The stage that the run's score comes from: `head`, `scratch` or `finetune`.",
        "it has a score",
    ),
    TagSpec(
        names.TAG_SCORE_STAGE,
        "`finetune`: that is where the run's score comes from, not from its first stage.",
        "fine-tuning was better",
    ),
    TagSpec(names.TAG_GIT_COMMIT, "Commit of the folder it was started in.", "in a repository"),
    TagSpec(names.TAG_RUN_NAME, "MLflow's own: number, backbone, policy and optimizer."),
    TagSpec(
        names.TAG_NOTE,
        "MLflow's own, the description: what the trial tried, found, shared and cost, its rank "
        "when it ended, and the commands that show, replay and promote it.",
    ),
    TagSpec(
        names.TAG_IMAGES,
        "MLflow's own: that there are pictures to show among the charts.",
        "complete or pruned, built-in objective",
    ),
    *SOURCE_TAGS,
)


def begun_tags(
    origin: Origin,
    *,
    versions: Mapping[str, str],
    device: str,
    worker: str,
    pair: tuple[str, ...],
    commit: str | None,
    user: str,
) -> dict[str, str]:
    """Say what is known before training."""
    tags = {
        **origin.tags(),
        **source_tags(origin.sweep, user),
        names.TAG_DEVICE: device,
        names.TAG_WORKER: worker,
        names.TAG_PAIR: " ".join(pair),
        names.TAG_VERSIONS: json.dumps(dict(versions)),
    }
    if commit is not None:
        tags[names.TAG_GIT_COMMIT] = commit
    labels = metric_labels(origin.class_names)
    others = {name: label for name, label in labels.items() if name != label}
    if others:
        tags[names.TAG_CLASS_LABELS] = json.dumps(others)
    return tags


def note_tags(note: str) -> dict[str, str]:
    """Give a run its description, in Markdown."""
    return {names.TAG_NOTE: note}


def ended_tags(state: str, reason: str | None, *, stage: str | None) -> dict[str, str]:
    """Say how a trial's first stage ended.

    Args:
        state: ``complete``, ``pruned`` or ``failed``.
        reason: Why it did not go on, if it did not.
        stage: Which one it was; None if it came to no score.
    """
    known = {names.TAG_REASON: reason, names.TAG_STAGE: stage}
    return {names.TAG_STATE: state, **{name: text for name, text in known.items() if text}}


def finetuning_begun_tags(*, device: str, worker: str) -> dict[str, str]:
    """Say where a trial is fine-tuned."""
    return {names.TAG_FINETUNE_DEVICE: device, names.TAG_FINETUNE_WORKER: worker}


def finetuning_ended_tags(state: str, reason: str | None, *, is_better: bool) -> dict[str, str]:
    """Say how fine-tuning ended.

    Args:
        state: As for :func:`ended_tags`.
        reason: The same.
        is_better: Whether the trial's score is now that of fine-tuning.
    """
    tags = {names.TAG_FINETUNE_STATE: state}
    if reason:
        tags[names.TAG_FINETUNE_REASON] = reason
    if is_better:
        tags |= {names.TAG_SCORE_STAGE: "finetune", names.TAG_STAGE: "finetune"}
    return tags
