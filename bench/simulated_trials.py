"""Pairs of fine-tuned trials made up at random, as far apart and as noisy as stored ones.

An image is right under a view if a sum of normal variables is above a threshold: how hard the image
is, how hard this view of it is, both the same for all trials; the trial's own luck with it; and the
luck of a whole fold, which resampled images know nothing of.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.stats import multivariate_normal, norm

from objectives.stopping.race import Pairing, leaves_a_chance, race_steps

RightArray = npt.NDArray[np.bool_]
"""Which images are right, shape ``(views, images)``: clean, then shifted."""


@dataclass(frozen=True)
class Variation:
    """How fine-tuned trials of one sweep vary, in accuracy and tetrachoric correlations."""

    clean: float
    shifted: float
    of_clean: float
    """Correlation of two trials over the clean images."""
    of_shifted: float
    of_views: float
    """Correlation of one trial's clean with another's shifted images."""
    fold_sd: float
    """What fold and seed add to the score of a trial on a fold, beyond the fold's images."""
    images_a_fold: int

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class StoredTrial:
    """What one trial had right after its last epoch, and the seed it was trained with."""

    point: str
    seed: int
    right: RightArray


def measure(trials: Sequence[StoredTrial], fold_of: npt.NDArray[np.int64]) -> Variation:
    """Measure how stored trials vary; those of one seed are compared, as in a sweep.

    Args:
        trials: Several points, some of them with several seeds.
        fold_of: The fold of each image.
    """
    pairs = [(a, b) for a, b in combinations(trials, 2) if a.seed == b.seed]
    clean, shifted = (np.mean([t.right[view] for t in trials]) for view in (0, 1))
    return Variation(
        clean=float(clean),
        shifted=float(shifted),
        of_clean=_mean([_correlation(a.right[0], b.right[0]) for a, b in pairs]),
        of_shifted=_mean([_correlation(a.right[1], b.right[1]) for a, b in pairs]),
        of_views=_mean([_correlation(a.right[0], b.right[1]) for a, b in pairs]),
        fold_sd=_fold_sd(trials, fold_of),
        images_a_fold=round(len(fold_of) / (fold_of.max() + 1)),
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _correlation(a: RightArray, b: RightArray) -> float:
    """Find the correlation of the normal variables behind two tables of right and wrong."""
    thresholds, both = norm.ppf([a.mean(), b.mean()]), float((a & b).mean())

    def excess(correlation: float) -> float:
        covariance = [[1.0, correlation], [correlation, 1.0]]
        return float(multivariate_normal.cdf(thresholds, cov=covariance)) - both

    return float(brentq(excess, -0.9, 0.999))


def _fold_sd(trials: Sequence[StoredTrial], fold_of: npt.NDArray[np.int64]) -> float:
    """Compare how differences vary over folds and seeds with what their images explain.

    Only points that were trained with several seeds count.
    """
    by_point: dict[str, dict[int, RightArray]] = {}
    for trial in trials:
        by_point.setdefault(trial.point, {})[trial.seed] = trial.right
    repeated = [by_seed for by_seed in by_point.values() if len(by_seed) > 1]
    seen, explained, weights = [], [], []
    for a, b in combinations(repeated, 2):
        terms = [
            (a[seed].mean(axis=0) - b[seed].mean(axis=0))[fold_of == fold]
            for seed in a.keys() & b.keys()
            for fold in np.unique(fold_of)
        ]
        seen.append(np.var([term.mean() for term in terms], ddof=1))
        explained.append(np.mean([term.var(ddof=1) / len(term) for term in terms]))
        weights.append(len(terms) - 1)
    extra = np.average(seen, weights=weights) - np.average(explained, weights=weights)
    return float(np.sqrt(max(extra, 0.0) / 2))


def simulate(
    variation: Variation, gain: float, *, n_folds: int, generator: np.random.Generator
) -> list[tuple[RightArray, RightArray]]:
    """Draw what a challenger and the incumbent have right in each fold.

    Args:
        variation: How trials vary.
        gain: How much better the challenger is in truth: its expected score less the incumbent's.
        n_folds: How many folds.
        generator: Of the draws.
    """
    thresholds = norm.ppf([variation.clean, variation.shifted])[:, None]
    # By how much a threshold moves the mean of both views' accuracies.
    slope = float(np.mean(norm.pdf(thresholds)))
    own = 1 - np.array([variation.of_clean, variation.of_shifted])[:, None]
    of_view = 1 - own - variation.of_views
    n = variation.images_a_fold
    folds = []
    for _ in range(n_folds):
        image = np.sqrt(variation.of_views) * generator.normal(size=n)
        view = np.sqrt(of_view) * generator.normal(size=(2, n))
        challenger, incumbent = (
            thresholds
            + (better + variation.fold_sd * generator.normal()) / slope
            + image
            + view
            + np.sqrt(own) * generator.normal(size=(2, n))
            > 0
            for better in (gain, 0.0)
        )
        folds.append((challenger, incumbent))
    return folds


def is_given_up(
    folds: Sequence[tuple[RightArray, RightArray]], *, n_folds: int, level: float
) -> int:
    """Race a challenger, and give the folds after which it is given up; 0 if it never is.

    Args:
        folds: What both have right in each fold that is run before the last step.
        n_folds: Folds of the sweep.
        level: Of the rule.
    """
    for step in race_steps(n_folds)[1:]:
        challenger, incumbent = (
            _predictions(np.concatenate(rights, axis=1))
            for rights in zip(*folds[: step.start], strict=True)
        )
        n_images = challenger.shape[1]
        pairing = Pairing(np.zeros(n_images, np.int64), np.arange(n_images), challenger, incumbent)
        if not leaves_a_chance(pairing, "accuracy", level=level):
            return step.start
    return 0


def _predictions(right: RightArray) -> npt.NDArray[np.float32]:
    """Predict class 0, which all images have, where the image is right."""
    return np.stack([right, ~right], axis=-1).astype(np.float32)
