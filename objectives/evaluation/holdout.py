"""The scores that promotion alone sees: the holdout clean, shifted, and corrupted."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

import numpy as np
import numpy.typing as npt

from objectives.evaluation.bootstrap import Estimate, draw_resamples, estimate, replicate
from objectives.evaluation.scored_views import scored_views
from objectives.records import FloatArray, ImageArray, LabelArray, RowArray
from objectives.settings import ScoreKind, ValidationSettings
from spaces.errors import InputError

Predict = Callable[[ImageArray], npt.ArrayLike]
"""Images, uint8, shape ``(batch, height, width, 3)``, to probabilities ``(batch, classes)``."""
Corruption = Callable[[ImageArray], ImageArray]
HoldoutView = Literal["clean", "shifted", "corrupted"]
CHUNK_IMAGES = 256


@dataclass(frozen=True)
class HoldoutViews:
    """How some images are shown. The same for every model, so that scores can be paired."""

    shifted: ImageArray | None
    """The images under a fresh draw of the sweep's shift; None where the sweep has none."""
    corruptions: tuple[tuple[str, Corruption], ...]
    """Name, and what makes it of the images."""

    def selected(self, images: ImageArray, kind: ScoreKind) -> list[ImageArray]:
        """Give the images as the sweep's score looks at them; robust is the mean of both views."""
        return scored_views(kind, images, self.shifted)


@dataclass(frozen=True)
class HoldoutPredictions:
    """A model's probabilities on every view, each of shape ``(views, images, classes)``."""

    clean: FloatArray
    shifted: FloatArray | None
    corrupted: FloatArray
    corruption_names: tuple[str, ...]
    shown: Mapping[HoldoutView, str] = field(default_factory=dict)
    """SHA-256 of the images of each view: where two are equal, models saw the same."""

    def by_view(self) -> dict[HoldoutView, FloatArray | None]:
        """Name the three."""
        return {"clean": self.clean, "shifted": self.shifted, "corrupted": self.corrupted}

    def selected(self, kind: ScoreKind) -> FloatArray:
        """Give the views that the sweep's score looks at; robust is the mean of both."""
        return np.concatenate(scored_views(kind, self.clean, self.shifted))


@dataclass(frozen=True)
class HoldoutScores:
    """Scores with intervals, in the sweep's metric (log loss negated): higher is better."""

    clean: Estimate
    shifted: Estimate | None
    corrupted: Estimate
    """The mean over all corruptions."""

    def by_view(self) -> dict[HoldoutView, Estimate | None]:
        """Name the three."""
        return {"clean": self.clean, "shifted": self.shifted, "corrupted": self.corrupted}


def predict_holdout(
    predict: Predict, images: ImageArray, views: HoldoutViews, *, n_classes: int
) -> HoldoutPredictions:
    """Ask a model about every view of the held-out images.

    Args:
        predict: The model.
        images: Shape ``(images, image_px, image_px, 3)``.
        views: What is shown.
        n_classes: How many probabilities the model must give.

    Raises:
        InputError: If the model answers with another number of classes.
    """
    clean, seen_clean = _ask(predict, [images], n_classes)
    corrupted, seen_corrupted = _ask(
        predict, (corrupt(images) for _, corrupt in views.corruptions), n_classes
    )
    shown: dict[HoldoutView, str] = {"clean": seen_clean, "corrupted": seen_corrupted}
    shifted: FloatArray | None = None
    if views.shifted is not None:
        shifted, shown["shifted"] = _ask(predict, [views.shifted], n_classes)
    names = tuple(name for name, _ in views.corruptions)
    return HoldoutPredictions(clean, shifted, corrupted, names, shown)


def score_holdout(
    labels: LabelArray,
    predictions: HoldoutPredictions,
    *,
    validation: ValidationSettings,
    groups: RowArray,
    seed: int,
) -> HoldoutScores:
    """Score predictions on the holdout; a group counts as one draw in the intervals.

    Args:
        labels: Shape ``(images,)``.
        predictions: Of the same images.
        validation: Whose metric is used.
        groups: The group of each image, as ``Splits.groups`` has it.
        seed: Of the resamples.
    """
    resamples = draw_resamples(groups, seed=seed)

    def score(probabilities: FloatArray) -> Estimate:
        return estimate(replicate(labels, probabilities, validation.metric, resamples))

    return HoldoutScores(
        clean=score(predictions.clean),
        shifted=None if predictions.shifted is None else score(predictions.shifted),
        corrupted=score(predictions.corrupted),
    )


def check_classes(ours: tuple[str, ...], champions: tuple[str, ...], champion: str) -> None:
    """Refuse to compare models that answer with other classes.

    Raises:
        InputError: If names or their order differ.
    """
    if ours != champions:
        raise InputError(
            f"the champion {champion} knows the classes {', '.join(champions)}; this sweep has "
            f"{', '.join(ours)}: they cannot be compared. Promote to another name with --model"
        )


def _ask(predict: Predict, views: Iterable[ImageArray], n_classes: int) -> tuple[FloatArray, str]:
    """Give the answers about some views, and the SHA-256 of all that was shown."""
    digest = sha256()
    answers = []
    for images in views:
        digest.update(np.ascontiguousarray(images).data)
        answers.append(_answers(predict, images, n_classes))
    return np.stack(answers), digest.hexdigest()


def _answers(predict: Predict, images: ImageArray, n_classes: int) -> FloatArray:
    chunks = [np.asarray(predict(chunk), dtype=np.float32) for chunk in _chunks(images)]
    answers = np.concatenate(chunks)
    if answers.shape != (len(images), n_classes):
        raise InputError(
            f"the model answered {len(images)} images with shape {answers.shape}, "
            f"expected ({len(images)}, {n_classes})"
        )
    return answers


def _chunks(images: ImageArray) -> Iterator[ImageArray]:
    for start in range(0, len(images), CHUNK_IMAGES):
        yield images[start : start + CHUNK_IMAGES]
