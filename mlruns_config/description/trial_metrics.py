"""The metrics of a trial's run, and how its numbers become them."""

from collections.abc import Iterator, Mapping

from mlruns_config.description.labels import metric_labels
from mlruns_config.description.numbers import (
    SharingNumbers,
    Stage,
    TrialNumbers,
    View,
    ViewNumbers,
)
from mlruns_config.description.specs import MetricSpec
from mlruns_config.names import SYSTEM_PREFIX

SCORE_UNIT = "the sweep's metric"
WHEN_COMPLETE = "complete or pruned"
BUILT_IN = "complete or pruned, built-in objective"
SHARE = "share, 0 to 1"
EPOCH = "epoch; fine-tuning goes on behind the head stage's"

SCORE = MetricSpec(
    "score",
    "What the sweep maximises: the mean over the folds, of the phase that came to more.",
    WHEN_COMPLETE,
    unit=SCORE_UNIT,
)
CLEAN = MetricSpec(
    "clean",
    "Score of all out-of-fold predictions, images as they are.",
    WHEN_COMPLETE,
    unit=SCORE_UNIT,
)
SHIFTED = MetricSpec(
    "shifted",
    "The same under the sweep's shift.",
    "complete or pruned, with `validation.shift`",
    unit=SCORE_UNIT,
)
SECONDS = MetricSpec("seconds", "How long the attempt that ended took.", WHEN_COMPLETE, unit="s")
FINAL_FOLD_SCORE = MetricSpec(
    "final/score_fold_{fold}",
    "Score of a fold, at the epoch that the other folds choose.",
    WHEN_COMPLETE,
    unit=SCORE_UNIT,
)
END_SCORE = MetricSpec(
    "{stage}/final_score",
    "What `score` is for the phase that ended in this stage, better or not.",
    WHEN_COMPLETE,
    unit=SCORE_UNIT,
)
END_CLEAN = MetricSpec(
    "{stage}/final_clean", "The same for `clean`.", WHEN_COMPLETE, unit=SCORE_UNIT
)
END_SHIFTED = MetricSpec(
    "{stage}/final_shifted", "The same for `shifted`.", SHIFTED.when, unit=SCORE_UNIT
)
STAGE_EPOCHS = MetricSpec(
    "{stage}/epochs", "Epochs that a refit trains in this stage.", WHEN_COMPLETE, unit="epochs"
)
STAGE_SCORE = MetricSpec(
    "{stage}/score",
    "Mean over the folds; one that has stopped counts with its best.",
    "a stage whose folds train together",
    unit=SCORE_UNIT,
    step=EPOCH,
)
STAGE_FOLD_SCORE = MetricSpec(
    "{stage}/score_fold_{fold}",
    "Score of one fold.",
    "a stage that began",
    unit=SCORE_UNIT,
    step=EPOCH,
)
STAGE_S = MetricSpec("cost/{stage}_s", "Seconds in this stage.", BUILT_IN, unit="s")
ACCURACY = MetricSpec("{view}/accuracy", "Images classified right.", BUILT_IN, unit=SHARE)
BALANCED_ACCURACY = MetricSpec(
    "{view}/balanced_accuracy", "Mean recall of the classes.", BUILT_IN, unit=SHARE
)
MACRO_F1 = MetricSpec("{view}/macro_f1", "Mean F1 of the classes.", BUILT_IN, unit="0 to 1")
LOG_LOSS = MetricSpec(
    "{view}/log_loss", "Mean negative log probability of the true class.", BUILT_IN, unit="nats"
)
CALIBRATION_ERROR = MetricSpec(
    "{view}/calibration_error",
    "How far confidence is from accuracy, on average (15 bins).",
    BUILT_IN,
    unit=SHARE,
)
PRECISION = MetricSpec(
    "{view}/precision/{class}", "Of the images called so, those of the class.", BUILT_IN, unit=SHARE
)
RECALL = MetricSpec(
    "{view}/recall/{class}", "Of the images of the class, those called so.", BUILT_IN, unit=SHARE
)
F1 = MetricSpec("{view}/f1/{class}", "Harmonic mean of both.", BUILT_IN, unit="0 to 1")
SHARED = MetricSpec(
    "sharing/{work}_{how}",
    "Views, or features of views, that this trial made, found made by another, or made in passing "
    "and did not keep.",
    BUILT_IN,
    unit="count",
)
OWN = MetricSpec(
    "objective/{metric}", "A number of an objective of your own.", "it gives some", unit="its own"
)
SYSTEM = MetricSpec(
    SYSTEM_PREFIX + "{metric}",
    "How busy the machine is, as MLflow measures it.",
    unit="in the name",
    step="sample, every 10 s",
)

TRIAL_METRICS = (
    SCORE,
    CLEAN,
    SHIFTED,
    SECONDS,
    FINAL_FOLD_SCORE,
    END_SCORE,
    END_CLEAN,
    END_SHIFTED,
    STAGE_EPOCHS,
    STAGE_SCORE,
    STAGE_FOLD_SCORE,
    STAGE_S,
    ACCURACY,
    BALANCED_ACCURACY,
    MACRO_F1,
    LOG_LOSS,
    CALIBRATION_ERROR,
    PRECISION,
    RECALL,
    F1,
    SHARED,
    OWN,
    SYSTEM,
)


def epoch_metrics(
    stage: Stage, fold_scores: Mapping[int, float], mean: float | None
) -> dict[str, float]:
    """Name what is known after an epoch.

    Args:
        stage: The present one.
        fold_scores: Of the folds that trained.
        mean: Over all folds; None where they do not train together.
    """
    named = {
        STAGE_FOLD_SCORE.named(stage=stage, fold=fold): float(score)
        for fold, score in fold_scores.items()
    }
    if mean is not None:
        named[STAGE_SCORE.named(stage=stage)] = mean
    return named


def phase_metrics(found: TrialNumbers, stage: Stage) -> dict[str, float]:
    """Name what is kept of each phase of a trial, whichever was better.

    Args:
        found: Its numbers.
        stage: In which it ended.
    """
    own = {name: n for name, n in found.epochs.items() if stage != "finetune" or name == stage}
    metrics = {END_SCORE.named(stage=stage): found.score, END_CLEAN.named(stage=stage): found.clean}
    if found.shifted is not None:
        metrics[END_SHIFTED.named(stage=stage)] = found.shifted
    metrics |= {STAGE_EPOCHS.named(stage=name): n for name, n in own.items()}
    return metrics | {STAGE_S.named(stage=name): s for name, s in found.stage_s.items()}


def trial_metrics(found: TrialNumbers, *, seconds: float) -> dict[str, float]:
    """Name all that a trial found in the phase that its score comes from.

    MLflow's UI lists metrics in the order in which they were first logged, so those that people
    look for come first, and those of single classes last.

    Args:
        found: Its numbers.
        seconds: How long the attempt took.
    """
    metrics = {SCORE.name: found.score, CLEAN.name: found.clean}
    if found.shifted is not None:
        metrics[SHIFTED.name] = found.shifted
    metrics[SECONDS.name] = seconds
    for view, summary in found.summaries.items():
        metrics |= dict(_view_metrics(view, summary))
    for fold, score in enumerate(found.fold_scores):
        metrics[FINAL_FOLD_SCORE.named(fold=fold)] = score
    labels = metric_labels(found.metrics)
    metrics |= {OWN.named(metric=labels[name]): n for name, n in found.metrics.items()}
    metrics |= dict(_sharing_metrics(found.sharing))
    for view, summary in found.summaries.items():
        metrics |= dict(_class_metrics(view, summary))
    return metrics


def _view_metrics(view: View, summary: ViewNumbers) -> Iterator[tuple[str, float]]:
    yield ACCURACY.named(view=view), summary.accuracy
    yield BALANCED_ACCURACY.named(view=view), summary.balanced_accuracy
    yield MACRO_F1.named(view=view), summary.macro_f1
    yield LOG_LOSS.named(view=view), summary.log_loss
    yield CALIBRATION_ERROR.named(view=view), summary.calibration_error


def _class_metrics(view: View, summary: ViewNumbers) -> Iterator[tuple[str, float]]:
    labels = metric_labels(summary.classes)
    for name, numbers in summary.classes.items():
        parts = {"view": view, "class": labels[name]}
        yield PRECISION.named(**parts), numbers.precision
        yield RECALL.named(**parts), numbers.recall
        yield F1.named(**parts), numbers.f1


def _sharing_metrics(sharing: SharingNumbers | None) -> Iterator[tuple[str, float]]:
    if sharing is None:
        return
    for work, use in (("views", sharing.views), ("features", sharing.features)):
        yield SHARED.named(work=work, how="made"), use.made
        yield SHARED.named(work=work, how="reused"), use.reused
        yield SHARED.named(work=work, how="streamed"), use.streamed
