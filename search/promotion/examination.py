"""One look at the holdout: what challenger and champion make of the same images."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from objectives.evaluation.holdout import (
    HoldoutPredictions,
    HoldoutScores,
    HoldoutViews,
    predict_holdout,
    score_holdout,
)
from objectives.records import ImageArray, LabelArray, LabelledImages, RowArray, Splits
from objectives.settings import ValidationSettings
from search.promotion.champion import Champion
from search.promotion.gate import GateDecision, decide
from spaces.errors import InputError

if TYPE_CHECKING:
    from mlruns_config.registry.saved_classifier import Classifier


@dataclass(frozen=True)
class Holdout:
    """The held-out images that neither challenger nor champion was trained on."""

    rows: RowArray
    """Their row numbers in the data."""
    images: ImageArray
    labels: LabelArray
    groups: RowArray
    """The group of each image, as folds respect it: those of one group are resampled together."""

    @classmethod
    def of(cls, data: LabelledImages, splits: Splits) -> "Holdout":
        """Take the held-out rows, with the groups that the sweep was split by.

        Raises:
            InputError: If nothing is held out.
        """
        rows = splits.holdout_rows
        if len(rows) == 0:
            raise InputError(
                "this sweep holds no images out, so nothing can be promoted from it; start a sweep "
                "with data.holdout above 0."
            )
        return cls(rows, np.asarray(data.images[rows]), data.labels[rows], splits.groups[rows])

    def kept(self, mask: npt.NDArray[np.bool_]) -> "Holdout":
        """Give some of the images."""
        return Holdout(self.rows[mask], self.images[mask], self.labels[mask], self.groups[mask])


@dataclass(frozen=True)
class Examination:
    """What was found."""

    challenger: HoldoutScores
    champion: HoldoutScores | None
    predictions: HoldoutPredictions
    """The challenger's."""
    champion_predictions: HoldoutPredictions | None
    decision: GateDecision


def examine(
    holdout: Holdout,
    views: HoldoutViews,
    challenger: "Classifier",
    champion: Champion | None,
    *,
    validation: ValidationSettings,
    seed: int,
    on_progress: Callable[[str], None],
) -> Examination:
    """Ask challenger and champion about every view of the holdout, and let the gate decide.

    Args:
        holdout: The images.
        views: How they are shown.
        challenger: The refitted model.
        champion: The present one, or None.
        validation: Metric and score of the sweep.
        seed: Of the resamples.
        on_progress: Hears what is being done.
    """

    def ask(classifier: "Classifier", name: str) -> HoldoutPredictions:
        on_progress(f"asking the {name} about {len(holdout.labels)} held-out images")
        n_classes = len(challenger.class_names)
        return predict_holdout(classifier.predict, holdout.images, views, n_classes=n_classes)

    def score(predictions: HoldoutPredictions) -> HoldoutScores:
        return score_holdout(
            holdout.labels, predictions, validation=validation, groups=holdout.groups, seed=seed
        )

    ours = ask(challenger, "challenger")
    theirs = None if champion is None else ask(champion.classifier, "champion")
    decision = decide(
        holdout.labels,
        ours.selected(validation.score),
        None if theirs is None else theirs.selected(validation.score),
        metric=validation.metric,
        groups=holdout.groups,
        seed=seed,
    )
    champion_scores = None if theirs is None else score(theirs)
    return Examination(score(ours), champion_scores, ours, theirs, decision)
