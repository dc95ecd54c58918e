"""A registered model's answer for pictures."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from mlruns_config.settings import TrackingSettings
from objectives.records import FloatArray
from search.prediction.images import Picture, read_pictures
from search.settings import RuntimeSettings

if TYPE_CHECKING:
    from mlruns_config.registry.saved_classifier import Classifier

BATCH_IMAGES = 64
BATCH_PIXELS = 64 * 512 * 512

Prediction = TypedDict(
    "Prediction",
    {
        "path": str,
        "class": str | None,
        "probability": float | None,
        "probabilities": dict[str, float],
        "error": str | None,
    },
)
"""One picture's likeliest class and all probabilities by class; or only the error of reading it."""


def predict(
    model_uri: str, paths: Sequence[Path], *, tracking: TrackingSettings | None = None
) -> list[Prediction]:
    """Classify pictures with a model of the registry.

    Nothing that lies in the registry is run as code: of the version, the one Keras file is
    downloaded whose digest was recorded at its promotion, and looked through before it is loaded.

    Args:
        model_uri: ``models:/NAME@ALIAS`` or ``models:/NAME/NUMBER``.
        paths: Image files, folders, and ``.npz`` files with ``images``.
        tracking: Where the registry is; None takes the environment's.

    Returns:
        One entry a picture, in the order of the paths; a picture that cannot be read has an
        ``error`` and no class.

    Raises:
        InputError: If there is no such model, it is not one that foldsweep promoted, or there is
            no such path.
        UnavailableError: If MLflow does not answer.
    """
    from mlruns_config.registry.loading import load_classifier

    pictures = read_pictures(paths)
    settings = tracking or TrackingSettings.from_environment(
        RuntimeSettings.from_environment().home
    )
    classifier = load_classifier(settings, model_uri)
    return [entry for batch in _batches(pictures) for entry in _classify(classifier, batch)]


def _batches(pictures: Iterator[Picture]) -> Iterator[list[Picture]]:
    """Gather neighbours of one size; a model takes any size, but one at a time."""
    batch: list[Picture] = []
    for picture in pictures:
        if batch and not _fits(batch, picture):
            yield batch
            batch = []
        batch.append(picture)
    if batch:
        yield batch


def _fits(batch: list[Picture], picture: Picture) -> bool:
    first = batch[0].image
    if first is None or picture.image is None or first.shape != picture.image.shape:
        return False
    pixels = first.shape[0] * first.shape[1] * (len(batch) + 1)
    return len(batch) < BATCH_IMAGES and pixels <= BATCH_PIXELS


def _classify(classifier: "Classifier", batch: list[Picture]) -> Iterator[Prediction]:
    images = [picture.image for picture in batch if picture.image is not None]
    answers = iter(classifier.predict(np.stack(images)) if images else ())
    for picture in batch:
        if picture.image is None:
            yield _unread(picture)
        else:
            yield _answered(picture, classifier.class_names, next(answers))


def _answered(picture: Picture, class_names: tuple[str, ...], answer: FloatArray) -> Prediction:
    probabilities = dict(zip(class_names, map(float, answer), strict=True))
    likeliest = max(probabilities, key=lambda name: probabilities[name])
    return {
        "path": picture.name,
        "class": likeliest,
        "probability": probabilities[likeliest],
        "probabilities": probabilities,
        "error": None,
    }


def _unread(picture: Picture) -> Prediction:
    return {
        "path": picture.name,
        "class": None,
        "probability": None,
        "probabilities": {},
        "error": picture.error,
    }
