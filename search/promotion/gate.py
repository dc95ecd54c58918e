"""The gate: whether a challenger may take a champion's place, decided on the holdout."""

from dataclasses import dataclass

import numpy as np

from objectives.evaluation.bootstrap import N_RESAMPLES, draw_resamples, estimate, replicate
from objectives.records import FloatArray, LabelArray, RowArray
from objectives.settings import Metric
from spaces.errors import InputError

MARGIN = 0.01
"""How much worse than the champion the lower bound may be."""


@dataclass(frozen=True)
class GateDecision:
    """What the gate said and from which figures. Scores: higher is better, log loss negated."""

    passed: bool
    reason: str
    """One sentence with the figures."""
    score: float
    rival: str
    """``champion``, or ``constant`` if there was none."""
    rival_score: float
    difference: float
    interval: tuple[float, float]
    """95 %, of the paired difference; without a champion of the challenger's own score."""
    threshold: float
    """What the lower bound was held against."""
    n_images: int


def decide(
    labels: LabelArray,
    challenger: FloatArray,
    champion: FloatArray | None,
    *,
    metric: Metric,
    groups: RowArray,
    seed: int = 0,
    n_resamples: int = N_RESAMPLES,
) -> GateDecision:
    """Compare a challenger with the champion on the same images, or with a constant answer.

    With a champion, the lower bound of the paired bootstrap of (challenger - champion) must be at
    least -0.01. Without one, the lower bound of the challenger's own score must lie above the best
    that one constant answer gets: the majority class's rate for accuracy, its like for the others.

    Args:
        labels: Shape ``(images,)``.
        challenger: Probabilities, shape ``(views, images, classes)``; scores are means over views.
        champion: The same shape, or None.
        metric: The sweep's.
        groups: The group of each image; those of one group are resampled together.
        seed: Of the resamples.
        n_resamples: At least 2,000.

    Raises:
        InputError: If there are no images, too few resamples, or the shapes differ.
    """
    if n_resamples < 2000:
        raise InputError(f"the gate needs at least 2000 resamples, got {n_resamples}")
    if champion is not None and champion.shape != challenger.shape:
        raise InputError(
            f"the champion's predictions have shape {champion.shape}, "
            f"the challenger's {challenger.shape}: they cannot be compared"
        )
    resamples = draw_resamples(groups, n_resamples=n_resamples, seed=seed)
    ours = replicate(labels, challenger, metric, resamples)
    if champion is None:
        own = estimate(ours)
        return _against_constant(own.score, (own.low, own.high), labels, challenger, metric)
    theirs = replicate(labels, champion, metric, resamples)
    paired = estimate(ours - theirs)
    interval = (paired.low, paired.high)
    return _against_champion(ours.score, theirs.score, interval, metric, len(labels))


def constant_score(labels: LabelArray, metric: Metric, n_classes: int) -> float:
    """The best score on these labels of an answer that never looks at the image.

    For accuracy and macro F1 the majority class, for log loss the class shares, for balanced
    accuracy any class.
    """
    shares = np.bincount(labels, minlength=n_classes) / len(labels)
    present = shares[shares > 0]
    majority = float(shares.max())
    if metric == "accuracy":
        return majority
    if metric == "balanced_accuracy":
        return 1.0 / len(present)
    if metric == "macro_f1":
        return 2 * majority / (1 + majority) / len(present)
    return float(np.sum(present * np.log(present)))


def _against_champion(
    score: float, champion: float, interval: tuple[float, float], metric: Metric, n_images: int
) -> GateDecision:
    passed = interval[0] >= -MARGIN
    reason = (
        f"{_name(metric)} {score:.4f} against the champion's {champion:.4f} on"
        f" {n_images} held-out images: difference {score - champion:+.4f}"
        f" [{interval[0]:+.4f}, {interval[1]:+.4f}], lower bound"
        f" {'at least' if passed else 'below'} {-MARGIN:+.2f}"
    )
    return GateDecision(
        passed=passed,
        reason=reason,
        score=score,
        rival="champion",
        rival_score=champion,
        difference=score - champion,
        interval=interval,
        threshold=-MARGIN,
        n_images=n_images,
    )


def _against_constant(
    score: float,
    interval: tuple[float, float],
    labels: LabelArray,
    challenger: FloatArray,
    metric: Metric,
) -> GateDecision:
    constant = constant_score(labels, metric, challenger.shape[-1])
    passed = interval[0] > constant
    answer = "the majority class's rate" if metric == "accuracy" else "the best constant answer's"
    reason = (
        f"no champion yet; {_name(metric)} {score:.4f} [{interval[0]:.4f}, {interval[1]:.4f}] on"
        f" {len(labels)} held-out images, lower bound {'' if passed else 'not '}above {answer}"
        f" {constant:.4f}"
    )
    return GateDecision(
        passed=passed,
        reason=reason,
        score=score,
        rival="constant",
        rival_score=constant,
        difference=score - constant,
        interval=interval,
        threshold=constant,
        n_images=len(labels),
    )


def _name(metric: Metric) -> str:
    return "negated log loss" if metric == "log_loss" else metric.replace("_", " ")
