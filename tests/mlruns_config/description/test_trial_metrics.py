import json
import math
from dataclasses import replace

import numpy as np
import pytest

from mlruns_config.description.origin import Origin
from mlruns_config.description.promotion import holdout_metrics
from mlruns_config.description.trial_metrics import (
    epoch_metrics,
    phase_metrics,
    trial_metrics,
)
from mlruns_config.description.trial_tags import begun_tags
from mlruns_config.names import TAG_CLASS_LABELS, TAG_CLASS_NAMES
from objectives.evaluation.bootstrap import Estimate
from objectives.records import ClassScores, Sharing, TrialResult, UseCounts, ViewSummary
from objectives.trial_summary import summary_json

CLEAN = ViewSummary(0.9, 0.8, 0.7, 0.6, 0.05, {"a(b)": ClassScores(0.1, 0.2, 0.3)})
RESULT = TrialResult(
    score=0.5,
    clean=0.9,
    shifted=None,
    fold_scores=(0.4, 0.6),
    epochs={"head": 3},
    oof_clean=np.zeros((1, 1), np.float32),
    oof_shifted=None,
    curves={},
    summaries={"clean": CLEAN},
    stage_s={"head": 12.5},
    sharing=Sharing(UseCounts(1, 2, 3), UseCounts(4, 5, 6)),
    metrics={"my loss (nats)": 0.25, "odd": float("nan")},
)


def test_every_number_of_a_trial_has_its_metric() -> None:
    metrics = trial_metrics(RESULT, seconds=20.0)
    assert math.isnan(metrics.pop("objective/odd"))
    assert metrics == {
        "score": 0.5,
        "clean": 0.9,
        "seconds": 20.0,
        "final/score_fold_0": 0.4,
        "final/score_fold_1": 0.6,
        "clean/accuracy": 0.9,
        "clean/balanced_accuracy": 0.8,
        "clean/macro_f1": 0.7,
        "clean/log_loss": 0.6,
        "clean/calibration_error": 0.05,
        "clean/precision/a_b": 0.1,
        "clean/recall/a_b": 0.2,
        "clean/f1/a_b": 0.3,
        "sharing/views_made": 1,
        "sharing/views_reused": 2,
        "sharing/views_streamed": 3,
        "sharing/features_made": 4,
        "sharing/features_reused": 5,
        "sharing/features_streamed": 6,
        "objective/my loss _nats": 0.25,
    }


def test_each_phase_has_its_scores_epochs_and_seconds_beside_the_better_one() -> None:
    assert phase_metrics(RESULT, "head") == {
        "head/final_score": 0.5,
        "head/final_clean": 0.9,
        "head/epochs": 3,
        "cost/head_s": 12.5,
    }
    tuned = replace(
        RESULT, shifted=0.25, epochs={"head": 3, "finetune": 7}, stage_s={"finetune": 99.0}
    )
    # The epochs of its heads are metrics of the first phase already.
    assert phase_metrics(tuned, "finetune") == {
        "finetune/final_score": 0.5,
        "finetune/final_clean": 0.9,
        "finetune/final_shifted": 0.25,
        "finetune/epochs": 7,
        "cost/finetune_s": 99.0,
    }


def test_the_mean_of_an_epoch_is_named_only_where_folds_train_together() -> None:
    assert epoch_metrics("finetune", {2: 0.5}, None) == {"finetune/score_fold_2": 0.5}
    assert epoch_metrics("head", {0: 0.5}, 0.5) == {"head/score_fold_0": 0.5, "head/score": 0.5}


def test_a_view_that_the_sweep_does_not_have_gives_no_metric() -> None:
    found = holdout_metrics("champion", {"clean": Estimate(0.5, 0.4, 0.6), "shifted": None})
    assert found == {"champion/clean": 0.5, "champion/clean_low": 0.4, "champion/clean_high": 0.6}


@pytest.mark.parametrize(
    ("class_names", "others"),
    [(("a", "b c"), None), (("a", "a(b)", "50%"), {"a(b)": "a_b", "50%": "50"})],
)
def test_the_labels_of_classes_stand_in_a_tag_where_they_are_not_the_names(
    class_names: tuple[str, ...], others: dict[str, str] | None
) -> None:
    origin = Origin("cells", "id", 3, "f", "h", 0, 96, class_names)
    tags = begun_tags(
        origin, versions={}, device="CPU", worker="w", pair=("x",), commit=None, user="ann"
    )
    assert json.loads(tags[TAG_CLASS_NAMES]) == list(class_names)
    assert json.loads(tags.get(TAG_CLASS_LABELS, "null")) == others


def test_the_plain_form_of_a_trials_numbers_is_json_and_keeps_the_structure() -> None:
    document = json.loads(json.dumps(summary_json(RESULT), allow_nan=False))
    assert document == {
        "fold_scores": [0.4, 0.6],
        "epochs": {"head": 3},
        "summaries": {
            "clean": {
                "accuracy": 0.9,
                "balanced_accuracy": 0.8,
                "macro_f1": 0.7,
                "log_loss": 0.6,
                "calibration_error": 0.05,
                "classes": {"a(b)": {"precision": 0.1, "recall": 0.2, "f1": 0.3}},
            }
        },
        "stage_s": {"head": 12.5},
        "sharing": {
            "views": {"made": 1, "reused": 2, "streamed": 3},
            "features": {"made": 4, "reused": 5, "streamed": 6},
        },
        "metrics": {"my loss (nats)": 0.25},
    }
