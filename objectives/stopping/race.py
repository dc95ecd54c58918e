"""Whether a trial in fine-tuning still has a chance to become the best one.

A challenger runs one fold, then one more, then all others. After each of the first two steps it is
compared with the incumbent, the best trial that was fine-tuned so far, image by image on the folds
that it ran. It is given up if the upper bound of a paired bootstrap over groups of (challenger -
incumbent) is below 0: with one fold its own luck and the fold's are large, so the bound is wide.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from objectives.evaluation.bootstrap import draw_resamples, replicate
from objectives.records import LabelArray, RowArray
from objectives.settings import Metric

LEVEL = 0.95
N_RESAMPLES = 2000


@dataclass(frozen=True)
class Pairing:
    """What two trials predicted for the images of the folds that both ran.

    ``challenger`` and ``incumbent`` are probabilities, shape ``(views, images, classes)``: the
    views that the sweep's score looks at, at the same epoch of both.
    """

    labels: LabelArray
    groups: RowArray
    challenger: npt.NDArray[np.floating]
    incumbent: npt.NDArray[np.floating]


def leaves_a_chance(pairing: Pairing, metric: Metric, *, level: float = LEVEL) -> bool:
    """Say whether a challenger may still turn out better than the incumbent.

    Every metric is a function of sums of what each image gives: correctness, weighted by the
    resample's own count of the class (balanced accuracy); the log of the probability of the true
    class (log loss); or true and predicted by class (macro F1). So all four are resampled exactly.

    Args:
        pairing: On the folds run so far.
        metric: The sweep's.
        level: Of the upper bound, one-sided. Resampled images know nothing of the luck of a fold
            or a seed, so a good trial is given up more often than one in ``1 / (1 - level)``.

    Returns:
        False if the upper bound of the difference is below 0.
    """
    resamples = draw_resamples(pairing.groups, n_resamples=N_RESAMPLES, seed=0)
    challenger = replicate(pairing.labels, pairing.challenger, metric, resamples)
    incumbent = replicate(pairing.labels, pairing.incumbent, metric, resamples)
    return bool(np.quantile((challenger - incumbent).resampled, level) >= 0)


def race_steps(n_folds: int) -> list[range]:
    """Name the folds of each step: one, one more, and all others.

    Args:
        n_folds: At least 2.
    """
    steps = [range(1), range(1, 2), range(2, n_folds)]
    return [folds for folds in steps if folds]
