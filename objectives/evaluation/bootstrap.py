"""How far a score may be off: bootstrap over groups of images.

Each metric is a function of sums over images, so a resample is a row of counts and all resamples
of a score are one matrix product.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from objectives.evaluation.sums import Float64Array, image_terms, score_of_sums
from objectives.records import LabelArray
from objectives.settings import Metric
from spaces.errors import InputError

N_RESAMPLES = 5000
CONFIDENCE = 0.95
CHUNK_RESAMPLES = 250


@dataclass(frozen=True)
class Resamples:
    """Which groups of images each resample holds, and how often; shared by all that is compared.

    ``group_of`` gives each image its group, 0 to ``groups - 1``; ``counts`` has shape
    ``(resamples, groups)``.
    """

    group_of: npt.NDArray[np.int64]
    counts: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Replicates:
    """A score, the score of each resample, and the score without each group of images."""

    score: float
    resampled: Float64Array
    left_out: Float64Array

    def __sub__(self, other: "Replicates") -> "Replicates":
        """Pair two scores of the same resamples."""
        return Replicates(
            self.score - other.score,
            self.resampled - other.resampled,
            self.left_out - other.left_out,
        )


@dataclass(frozen=True)
class Estimate:
    """A score, higher is better, with its interval of 95 % confidence."""

    score: float
    low: float
    high: float


def draw_resamples(
    groups: npt.ArrayLike, *, n_resamples: int = N_RESAMPLES, seed: int
) -> Resamples:
    """Draw groups of images with replacement, not stratified: as the holdout itself was drawn.

    Args:
        groups: The group of each image, any integers; images of one group come and go together.
        n_resamples: How many.
        seed: The same seed, the same draws.

    Raises:
        InputError: If there is no image.
    """
    _, group_of = np.unique(np.asarray(groups, dtype=np.int64), return_inverse=True)
    if not len(group_of):
        raise InputError("the holdout has no images: set data.holdout above 0 to promote")
    n_groups = int(group_of.max()) + 1
    rng = np.random.default_rng(seed)
    counts = np.empty((n_resamples, n_groups), dtype=np.uint8)
    for start in range(0, n_resamples, CHUNK_RESAMPLES):
        size = min(CHUNK_RESAMPLES, n_resamples - start)
        drawn = rng.integers(0, n_groups, size=(size, n_groups))
        flat = (drawn + np.arange(size)[:, None] * n_groups).ravel()
        counted = np.bincount(flat, minlength=size * n_groups)
        counts[start : start + size] = counted.reshape(size, n_groups)
    return Resamples(group_of.astype(np.int64), counts)


def replicate(
    labels: LabelArray, probabilities: npt.ArrayLike, metric: Metric, resamples: Resamples
) -> Replicates:
    """Score predictions under one or more views of the same images, on all resamples.

    Args:
        labels: Shape ``(images,)``.
        probabilities: Shape ``(views, images, classes)``; the score is the mean over views.
        metric: Log loss enters negated, so that higher is better.
        resamples: Drawn over the same images.
    """
    per_view = [
        _replicate_view(labels, view, metric, resamples)
        for view in np.asarray(probabilities, dtype=np.float64)
    ]
    return Replicates(
        float(np.mean([view.score for view in per_view])),
        np.mean([view.resampled for view in per_view], axis=0),
        np.mean([view.left_out for view in per_view], axis=0),
    )


def estimate(replicates: Replicates, *, confidence: float = CONFIDENCE) -> Estimate:
    """Give a score its interval, bias-corrected and accelerated (BCa).

    Where BCa is not defined (every resample on one side of the score, or groups that all weigh the
    same), the interval is the percentile one.

    Source: Efron 1987, "Better Bootstrap Confidence Intervals", JASA 82, eq. 6.6.
    """
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    quantiles = _bca_quantiles(replicates, tails)
    low, high = np.quantile(replicates.resampled, quantiles)
    return Estimate(replicates.score, float(low), float(high))


def _bca_quantiles(replicates: Replicates, tails: Float64Array) -> Float64Array:
    resampled, score = replicates.resampled, replicates.score
    # Rounding in a product of floats must not decide on which side of the score a tie falls.
    tie = np.isclose(resampled, score, rtol=0, atol=1e-12)
    below = float(np.mean((resampled < score) & ~tie) + np.mean(tie) / 2)
    deviation = replicates.left_out.mean() - replicates.left_out
    spread = float(np.sum(deviation**2))
    if not 0 < below < 1 or spread < 1e-24:
        return tails
    bias = float(ndtri(below))
    acceleration = float(np.sum(deviation**3)) / (6 * spread**1.5)
    shifted = bias + ndtri(tails)
    return np.asarray(ndtr(bias + shifted / (1 - acceleration * shifted)), dtype=np.float64)


def _replicate_view(
    labels: LabelArray, probabilities: Float64Array, metric: Metric, resamples: Resamples
) -> Replicates:
    terms = image_terms(labels, probabilities, metric)
    grouped = np.zeros((resamples.counts.shape[1], terms.shape[1]))
    np.add.at(grouped, resamples.group_of, terms)
    total = grouped.sum(axis=0)
    resampled = [score_of_sums(chunk @ grouped) for chunk in _chunks(resamples.counts)]
    # Without its only group a holdout has no score; the score itself makes that a point interval.
    left_out = score_of_sums(total - grouped) if len(grouped) > 1 else score_of_sums(grouped)
    return Replicates(float(score_of_sums(total)), np.concatenate(resampled), left_out)


def _chunks(counts: npt.NDArray[np.uint8]) -> Iterator[Float64Array]:
    for start in range(0, len(counts), CHUNK_RESAMPLES):
        yield counts[start : start + CHUNK_RESAMPLES].astype(np.float64)
