"""A registered model's answer for pictures."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from mlruns_config.settings import TrackingSettings
from objectives.records import FloatArray
from search.prediction.batches import batches, windows
from search.prediction.images import Picture, read_pictures
from search.registry_access import existing_registry

if TYPE_CHECKING:
    from mlruns_config.registry.saved_classifier import Classifier
    from search.prediction.explanation import Explainer

Prediction = TypedDict(
    "Prediction",
    {
        "path": str,
        "class": str | None,
        "probability": float | None,
        "probabilities": dict[str, float],
        "error": str | None,
        "explanation": str | None,
    },
)
"""One picture's likeliest class, all probabilities by class and, if wanted, the file that explains
them; or only the error of reading it."""


@dataclass(frozen=True)
class Predictions:
    """A model's answers, one picture after the other."""

    class_names: tuple[str, ...]
    entries: Iterator[Prediction]
    """Each is made when it is asked for."""


def predict(
    model_uri: str,
    paths: Sequence[Path],
    *,
    explain: Path | None = None,
    on_progress: Callable[[int], None] | None = None,
    tracking: TrackingSettings | None = None,
) -> list[Prediction]:
    """Classify pictures with a model of the registry.

    Nothing that lies in the registry is run as code: of the version, the one Keras file is
    downloaded whose digest was recorded at its promotion, and looked through before it is loaded.

    Args:
        model_uri: ``models:/NAME@ALIAS`` or ``models:/NAME/NUMBER``.
        paths: Image files, folders, and ``.npz`` files with ``images``.
        explain: A new folder for a picture of each image that shows what the model goes by.
        on_progress: Hears how many pictures have been answered.
        tracking: Where the registry is; None takes the environment's.

    Returns:
        One entry a picture, in the order of the paths; a picture that cannot be read has an
        ``error`` and no class.

    Raises:
        InputError: If there is no such model, it is not one that foldsweep promoted, there is no
            such path, or the folder of ``explain`` is not empty or one of the paths.
        UnavailableError: If MLflow does not answer.
    """
    found = []
    answers = predict_each(model_uri, paths, explain=explain, tracking=tracking)
    for entry in answers.entries:
        found.append(entry)
        if on_progress is not None:
            on_progress(len(found))
    return found


def predict_each(
    model_uri: str,
    paths: Sequence[Path],
    *,
    explain: Path | None = None,
    tracking: TrackingSettings | None = None,
) -> Predictions:
    """Do the same one picture after the other, whatever their number.

    All that can be wrong with the input is raised before the first one.
    """
    from mlruns_config.registry.loading import load_classifier
    from search.prediction.explanation import Explainer, check_folder

    pictures = read_pictures(paths)
    if explain is not None:
        check_folder(explain, paths)
    classifier = load_classifier(tracking or existing_registry(), model_uri)
    explainer = None if explain is None else Explainer(classifier, explain)
    return Predictions(classifier.class_names, _answers(classifier, pictures, explainer))


def _answers(
    classifier: "Classifier", pictures: Iterator[Picture], explainer: "Explainer | None"
) -> Iterator[Prediction]:
    for window in windows(pictures):
        for picture, entry in zip(window, _classify(classifier, window), strict=True):
            if explainer is not None and picture.image is not None:
                entry["explanation"] = explainer.explain(picture)
            yield entry


def _classify(classifier: "Classifier", window: list[Picture]) -> Iterable[Prediction]:
    entries = [_unread(picture) for picture in window]
    for places, images in batches(window):
        for place, answer in zip(places, classifier.predict(images), strict=True):
            entries[place] = _answered(window[place], classifier.class_names, answer)
    return entries


def _answered(picture: Picture, class_names: tuple[str, ...], answer: FloatArray) -> Prediction:
    probabilities = dict(zip(class_names, map(float, answer), strict=True))
    likeliest = max(probabilities, key=lambda name: probabilities[name])
    return {
        "path": picture.name,
        "class": likeliest,
        "probability": probabilities[likeliest],
        "probabilities": probabilities,
        "error": None,
        "explanation": None,
    }


def _unread(picture: Picture) -> Prediction:
    return {
        "path": picture.name,
        "class": None,
        "probability": None,
        "probabilities": {},
        "error": picture.error,
        "explanation": None,
    }
