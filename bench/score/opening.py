"""The look at the images set aside: every candidate of all three, on the same views, once."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from bench.progress import say
from bench.score.candidates import Candidate
from bench.score.document import score_document
from bench.score.measured import Measured
from bench.score.set_aside import SetAside, count_looks, note_look
from objectives.evaluation.bootstrap import Replicates, draw_resamples, replicate
from objectives.evaluation.holdout import HoldoutPredictions, HoldoutViews, Predict, predict_holdout
from objectives.evaluation.holdout_views import make_holdout_views
from objectives.records import ImageArray
from objectives.settings import ValidationSettings
from objectives.store.array_store import ArrayStore
from search.workers.provenance import git_commit
from spaces.files import replacing

SEED = 0
"""Of the held-out draw of the shift, the corruptions' noise and the resamples: one for all."""
Probabilities = npt.NDArray[np.float64]


def open_aside(
    candidates: Sequence[Candidate], path: Path, folder: Path, looks: Path
) -> dict[str, Any]:
    """Open the images, once, write that down, and give all that is known then.

    A look that was interrupted goes on with the next candidate, and is the same look.

    Args:
        candidates: All of a run.
        path: The images that are set aside.
        folder: For a store that stays empty, and for the scores of a look that is under way.
        looks: The list of all who opened these images.
    """
    kept = folder / "measured"
    goes_on = kept.is_dir()
    aside = SetAside.open(path)
    n_models = len({candidate.files for candidate in candidates})
    when = datetime.now(UTC).isoformat(timespec="seconds")
    who = {"date": when, "commit": git_commit(Path(__file__).parent), "models": n_models}
    seen = {
        "images": len(aside.labels),
        "groups": len(np.unique(aside.groups)),
        "looks": count_looks(looks, aside) if goes_on else note_look(looks, aside, who),
        "models": n_models,
    }
    measured = measure_all(aside, candidates, folder, kept)
    shutil.rmtree(kept)
    return {"set_aside": seen, **score_document(measured)}


def measure_all(
    aside: SetAside, candidates: Sequence[Candidate], folder: Path, kept: Path
) -> list[Measured]:
    """Ask all candidates about the images clean, shifted and corrupted.

    Args:
        aside: The images.
        candidates: Their files are loaded as plain Keras, without code of ours.
        folder: For a store that stays empty.
        kept: Where the scores of each are kept.
    """
    views = _made_once(_views(aside, folder), aside.images)
    resamples = draw_resamples(aside.groups, seed=SEED)
    kept.mkdir(exist_ok=True)
    measured = []
    for candidate in candidates:
        file = kept / f"{sha256(' '.join(candidate.files).encode()).hexdigest()}.npz"
        if not file.is_file():
            answers = _answers(candidate)
            asked = predict_holdout(answers, aside.images, views, n_classes=aside.n_classes)
            _keep(
                file,
                {
                    view: replicate(aside.labels, probabilities, "accuracy", resamples)
                    for view, probabilities in _by_view(asked).items()
                },
            )
        found = _kept(file)
        measured.append(Measured(candidate, found))
        robust = found["robust"].score
        say(f"{candidate.part} {candidate.form}, {candidate.minute:.1f} min: {robust:.3f}")
    return measured


def _keep(file: Path, found: Mapping[str, Replicates]) -> None:
    """Write a candidate's scores."""
    arrays: dict[str, Any] = {
        f"{view}/{name}": np.asarray(value)
        for view, one in found.items()
        for name, value in vars(one).items()
    }
    with replacing(file) as opened:
        np.savez(opened, **arrays)


def _kept(file: Path) -> Mapping[str, Replicates]:
    with np.load(file) as arrays:
        views = dict.fromkeys(name.partition("/")[0] for name in arrays)
        return {
            view: Replicates(
                float(arrays[f"{view}/score"]),
                arrays[f"{view}/resampled"],
                arrays[f"{view}/left_out"],
            )
            for view in views
        }


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
