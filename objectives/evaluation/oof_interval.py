"""How far the out-of-fold score of one trial may be off, seen alone.

It says nothing of how the trial was chosen: the best of many is the best in part by luck, and its
interval lies too high. Whoever shows it says so; the holdout's interval (promotion) has no such
part.
"""

import numpy as np

from objectives.evaluation.bootstrap import draw_resamples, estimate, replicate
from objectives.evaluation.scored_views import scored_views
from objectives.records import LabelArray, RowArray, TrialResult
from objectives.settings import ValidationSettings

_RESAMPLES = 2000
_FEWEST_RESAMPLES = 200
_MOST_COUNTS = 20_000_000
"""Bytes of the table of resamples by groups."""


def oof_interval(
    result: TrialResult,
    labels: LabelArray,
    *,
    groups: RowArray,
    validation: ValidationSettings,
    seed: int,
) -> tuple[float, float]:
    """Resample the groups of the rows, and score the predictions of each resample.

    Args:
        result: Its predictions, clean and perhaps shifted.
        labels: Of the rows, shape ``(rows,)``.
        groups: Of the rows, shape ``(rows,)``.
        validation: Says which views count.
        seed: Of the resamples.

    Returns:
        Lower and upper end of the interval of 95 %, in the sweep's score.
    """
    counted = scored_views(validation.score, result.oof_clean, result.oof_shifted)
    n_resamples = _MOST_COUNTS // len(np.unique(groups))
    resamples = draw_resamples(
        groups, n_resamples=min(max(n_resamples, _FEWEST_RESAMPLES), _RESAMPLES), seed=seed
    )
    found = estimate(replicate(labels, np.stack(counted), validation.metric, resamples))
    return found.low, found.high
