"""The run of a trial: all that it holds."""

from collections.abc import Mapping
from typing import Any

from mlruns_config.description.specs import (
    FINETUNED,
    ArtifactSpec,
    ParamSpec,
    PictureSpec,
    RunDescription,
)
from mlruns_config.description.trial_metrics import BUILT_IN, TRIAL_METRICS, WHEN_COMPLETE
from mlruns_config.description.trial_tags import TRIAL_TAGS

TRIAL_PARAMS = (
    ParamSpec("backbone", "Name of the network, or `module:attribute`."),
    ParamSpec("weights", "`imagenet`, `none`, or a file of weights."),
    ParamSpec("features", "What a head reads of the backbone: `last` or `deep`."),
    ParamSpec("policy", "The augmentation."),
    ParamSpec("strength", "Of its operations that carry none: `low`, `medium` or `high`."),
    ParamSpec("dense_units", "Width of the layer before the classifier; 0 leaves it out."),
    ParamSpec("dropout", "Share of the head's inputs that are dropped."),
    ParamSpec("optimizer", "`adamw`, `sgd` or `lion`."),
    ParamSpec("learning_rate", "Peak learning rate of the first stage."),
    ParamSpec("weight_decay", "Decoupled weight decay of AdamW and Lion."),
    ParamSpec("momentum", "Of SGD."),
    ParamSpec("nesterov", "Of SGD."),
    ParamSpec("clip_norm", "Largest global gradient norm; 0 does not clip."),
    ParamSpec("loss", "`cross_entropy` or `focal`."),
    ParamSpec("label_smoothing", "Share of a label that is spread over all classes."),
    ParamSpec("focal_gamma", "Exponent of the focal loss."),
    ParamSpec("focal_alpha", "Weight of each class in the focal loss: `none` or `balanced`."),
    ParamSpec("class_weights", "Weight of each class in the loss: `none` or `balanced`."),
    ParamSpec("schedule", "Of the learning rate: `constant` or `cosine`."),
    ParamSpec("warmup_fraction", "Share of the cosine schedule in which the rate rises."),
    ParamSpec("batch_size", "Images that a fold's model sees in a step."),
)
FINETUNE_PARAMS = (
    ParamSpec("finetune_fraction", "Share of the backbone that is unfrozen.", FINETUNED),
    ParamSpec("finetune_learning_rate", "Peak learning rate of fine-tuning.", FINETUNED),
)
SWEEP_PARAM = ParamSpec(
    "sweep.{section}.{key}",
    "A key of the sections `data`, `validation` and `train` of the [sweep file](sweep-file.md); "
    "`data.path` stands in the run's data set.",
)

BEST_HEADS = "the best when its heads ended, a pretrained network, built-in objective"
PICTURES_GROUP = "at a glance"
"""Where MLflow's UI shows pictures: before the groups of metrics, which it sorts."""

OOF = ArtifactSpec(
    "predictions/oof.npz",
    "Out-of-fold probabilities: `rows`, `fold_of`, `labels`, `class_names`, `clean`, `shifted`.",
    WHEN_COMPLETE,
)
PICTURES = (
    PictureSpec("learning_curves.png", "The same as a picture.", BUILT_IN, label="learning curves"),
    PictureSpec(
        "confusion_matrix.png",
        "True classes by predicted ones.",
        BUILT_IN,
        label="confusion matrix",
    ),
    PictureSpec(
        "reliability.png",
        "How often answers of each confidence are right.",
        BUILT_IN,
        label="reliability",
    ),
    PictureSpec(
        "policy_gallery.jpg",
        "Some images as the augmentation shows them.",
        BUILT_IN,
        label="policy gallery",
    ),
    PictureSpec(
        "worst_mistakes.jpg", "The surest wrong answers.", BUILT_IN, label="worst mistakes"
    ),
)
SEEN = (
    PictureSpec(
        "seen_clean.jpg",
        "The surest wrong answers, and the places that spoke for them (Grad-CAM).",
        BEST_HEADS,
        label="what it saw - clean",
    ),
    PictureSpec(
        "seen_shifted.jpg",
        "The same under the shift.",
        f"{BEST_HEADS}, and that view is kept",
        label="what it saw - shifted",
    ),
)
TRIAL_ARTIFACTS = (
    OOF,
    ArtifactSpec("curves.json", "Every curve by epoch and fold, confusion matrices.", BUILT_IN),
    *PICTURES,
)
IMAGES = ArtifactSpec(
    "images/{image}",
    "These pictures once more, full and small, as MLflow's UI shows them among the charts of the "
    "run: step 0 is of the first phase, step 1 of fine-tuning.",
    BUILT_IN,
)
FOLD_HEADS = ArtifactSpec(
    "fold_heads.npz",
    "Weights of each fold's head, those behind the out-of-fold predictions: fine-tuning begins "
    "with them, and a promotion asks them about turned images.",
    "a pretrained backbone, built-in objective",
)
FINETUNE_PREDICTIONS = ArtifactSpec(
    "finetune/finetune_predictions.npz",
    "Out-of-fold probabilities after every epoch of fine-tuning, with which later trials are "
    "compared.",
    "fine-tuned to the end, built-in objective",
)
FINETUNE_ARTIFACT = ArtifactSpec(
    "finetune/{artifact}",
    "Any of these of the fine-tuned network, beside those of the heads.",
    "fine-tuned to the end",
)
OWN_ARTIFACT = ArtifactSpec("{path}", "A file of an objective of your own.", "it gives some")

TRIAL = RunDescription(
    params=(*TRIAL_PARAMS, *FINETUNE_PARAMS, SWEEP_PARAM),
    tags=TRIAL_TAGS,
    metrics=TRIAL_METRICS,
    artifacts=(
        *TRIAL_ARTIFACTS,
        *SEEN,
        IMAGES,
        FOLD_HEADS,
        FINETUNE_PREDICTIONS,
        FINETUNE_ARTIFACT,
        OWN_ARTIFACT,
    ),
)


def sweep_params(file: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Name the settings of a sweep file that scores depend on.

    Args:
        file: Its sections, each a mapping of keys to values.
    """
    return {
        SWEEP_PARAM.named(section=section, key=key): value
        for section in ("data", "validation", "train")
        for key, value in file[section].items()
        # The path is in the data set's input, and differs between machines.
        if (section, key) != ("data", "path")
    }


def picture_name(file: str) -> str | None:
    """Say what the UI calls a picture of a trial; None of a file that is none of them.

    Args:
        file: Its name, without folders.
    """
    labels = {spec.file: spec.label for spec in (*PICTURES, *SEEN)}
    return f"{PICTURES_GROUP}/{labels[file]}" if file in labels else None
