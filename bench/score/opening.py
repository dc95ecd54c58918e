"""The look at the images set aside: every candidate of all three, on the same views, once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from bench.progress import say
from bench.score.candidates import Candidate
from bench.score.document import score_document
from bench.score.measured import Measured
from bench.score.set_aside import SetAside, note_look
from objectives.evaluation.bootstrap import Replicates, draw_resamples, replicate
from objectives.evaluation.holdout import HoldoutPredictions, HoldoutViews, Predict, predict_holdout
from objectives.evaluation.holdout_views import make_holdout_views
from objectives.records import ImageArray
from objectives.settings import ValidationSettings
from objectives.store.array_store import ArrayStore
from search.workers.provenance import git_commit

SEED = 0
"""Of the held-out draw of the shift, the corruptions' noise and the resamples: one for all."""
Probabilities = npt.NDArray[np.float64]


def open_aside(
    candidates: Sequence[Candidate], path: Path, folder: Path, looks: Path
) -> dict[str, Any]:
    """Open the images, once, write that down, and give all that is known then.

    Args:
        candidates: All of a run.
        path: The images that are set aside.
        folder: For a store that stays empty.
        looks: The list of all who opened these images.
    """
    aside = SetAside.open(path)
    n_models = len({candidate.files for candidate in candidates})
    when = datetime.now(UTC).isoformat(timespec="seconds")
    who = {"date": when, "commit": git_commit(Path(__file__).parent), "models": n_models}
    seen = {
        "images": len(aside.labels),
        "groups": len(np.unique(aside.groups)),
        "looks": note_look(looks, aside, who),
        "models": n_models,
    }
    measured = measure_all(aside, candidates, folder)
    return {"set_aside": seen, **score_document(measured)}


def measure_all(aside: SetAside, candidates: Sequence[Candidate], folder: Path) -> list[Measured]:
    """Ask all candidates about the images clean, shifted and corrupted.

    Args:
        aside: The images.
        candidates: Their files are loaded as plain Keras, without code of ours.
        folder: For a store that stays empty.
    """
    views = _made_once(_views(aside, folder), aside.images)
    resamples = draw_resamples(aside.groups, seed=SEED)
    found: dict[tuple[str, ...], Mapping[str, Replicates]] = {}
    for candidate in candidates:
        if candidate.files not in found:
            answers = _answers(candidate)
            asked = predict_holdout(answers, aside.images, views, n_classes=aside.n_classes)
            found[candidate.files] = {
                view: replicate(aside.labels, probabilities, "accuracy", resamples)
                for view, probabilities in _by_view(asked).items()
            }
        robust = found[candidate.files]["robust"].score
        say(f"{candidate.part} {candidate.form}, {candidate.minute:.1f} min: {robust:.3f}")
    return [Measured(candidate, found[candidate.files]) for candidate in candidates]


def _views(aside: SetAside, folder: Path) -> HoldoutViews:
    rows = np.arange(len(aside.labels))
    store = ArrayStore(folder / "store", max_bytes=1)
    return make_holdout_views(aside.as_data(), rows, ValidationSettings(), seed=SEED, store=store)


def _made_once(views: HoldoutViews, images: ImageArray) -> HoldoutViews:
    """Corrupt the images once for all candidates."""
    made = ((name, partial(_given, corrupt(images))) for name, corrupt in views.corruptions)
    return replace(views, corruptions=tuple(made))


def _given(made: ImageArray, _: ImageArray) -> ImageArray:
    return made


def _by_view(asked: HoldoutPredictions) -> Mapping[str, Any]:
    return {
        "clean": asked.clean,
        "shifted": asked.shifted,
        "corrupted": asked.corrupted,
        "robust": asked.selected("robust"),
    }


def _answers(candidate: Candidate) -> Predict:
    models = [
        keras.saving.load_model(file, compile=False, safe_mode=True) for file in candidate.files
    ]

    def answer(images: ImageArray) -> Probabilities:
        answers = np.stack([model.predict_on_batch(images) for model in models])
        average: Probabilities = answers.mean(axis=0, dtype=np.float64)
        return average

    return answer
