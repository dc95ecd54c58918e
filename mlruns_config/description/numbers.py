"""The numbers of a trial and of a promotion, as those who made them hold them.

Protocols: objectives, which makes the records, and this package do not import each other.
"""

from collections.abc import Mapping
from typing import Literal, Protocol

Stage = Literal["head", "scratch", "finetune"]
View = Literal["clean", "shifted"]
HoldoutView = Literal["clean", "shifted", "corrupted"]


class ClassNumbers(Protocol):
    """How one class was told from the others."""

    @property
    def precision(self) -> float:
        """Give the share of the images called so that are of the class."""

    @property
    def recall(self) -> float:
        """Give the share of the images of the class that are called so."""

    @property
    def f1(self) -> float:
        """Give the harmonic mean of both."""


class ViewNumbers(Protocol):
    """What the predictions on one view are like."""

    @property
    def accuracy(self) -> float:
        """Give the share of images that are classified right."""

    @property
    def balanced_accuracy(self) -> float:
        """Give the mean recall of the classes."""

    @property
    def macro_f1(self) -> float:
        """Give the mean F1 of the classes."""

    @property
    def log_loss(self) -> float:
        """Give the mean negative log probability of the true class, in nats."""

    @property
    def calibration_error(self) -> float:
        """Give how far confidence is from accuracy."""

    @property
    def classes(self) -> Mapping[str, ClassNumbers]:
        """Give the numbers of each class, by its name."""


class UseNumbers(Protocol):
    """How often work was shared."""

    @property
    def made(self) -> int:
        """Count what was made and kept."""

    @property
    def reused(self) -> int:
        """Count what another trial had made."""

    @property
    def streamed(self) -> int:
        """Count what was made in passing and not kept."""


class SharingNumbers(Protocol):
    """How much of a trial's work was shared."""

    @property
    def views(self) -> UseNumbers:
        """Count views."""

    @property
    def features(self) -> UseNumbers:
        """Count features of views."""


class TrialNumbers(Protocol):
    """What a trial found."""

    @property
    def score(self) -> float:
        """Give what the study maximises."""

    @property
    def clean(self) -> float:
        """Give the score on the images as they are."""

    @property
    def shifted(self) -> float | None:
        """Give the score under the shift, if the sweep has one."""

    @property
    def fold_scores(self) -> tuple[float, ...]:
        """Give the score of each fold."""

    @property
    def epochs(self) -> Mapping[Stage, int]:
        """Give the epochs of each stage that a refit trains."""

    @property
    def summaries(self) -> Mapping[View, ViewNumbers]:
        """Describe the out-of-fold predictions on each view."""

    @property
    def stage_s(self) -> Mapping[Stage, float]:
        """Give the seconds that each stage took."""

    @property
    def sharing(self) -> SharingNumbers | None:
        """Count what was shared, if the objective shares anything."""

    @property
    def metrics(self) -> Mapping[str, float]:
        """Give an objective's own numbers."""


class IntervalNumbers(Protocol):
    """A score with its interval."""

    @property
    def score(self) -> float:
        """Give the score."""

    @property
    def low(self) -> float:
        """Give the lower end."""

    @property
    def high(self) -> float:
        """Give the upper end."""


class ComparisonNumbers(Protocol):
    """A way to answer beside the one that was taken before it."""

    @property
    def form(self) -> str:
        """Name it."""

    @property
    def score(self) -> float:
        """Give its score out of fold."""

    @property
    def gain(self) -> IntervalNumbers:
        """Give its gain, with the interval."""


class CalibrationNumbers(Protocol):
    """How far probabilities are from what happens."""

    @property
    def log_loss(self) -> float:
        """Give the mean negative log probability of the true class, in nats."""

    @property
    def calibration_error(self) -> float:
        """Give how far confidence is from accuracy."""
