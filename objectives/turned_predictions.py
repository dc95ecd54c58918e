"""What trials say out of fold when the images are turned: the stored heads, and forward passes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from objectives.ensembles.symmetries import TURNS, Symmetry, turned
from objectives.evaluation.scored_views import scored_views
from objectives.fold_heads import predict_with_head
from objectives.records import FloatArray, ImageArray, TrialContext
from objectives.trial_inputs import TrialInputs
from spaces.params import TrialParams

CHUNK_ROWS = 512


@dataclass(frozen=True)
class FoldHeads:
    """A trial whose backbone stayed frozen, with the head of each fold."""

    params: TrialParams
    heads: Mapping[int, Sequence[np.ndarray]]
    """Those behind its out-of-fold predictions; see :mod:`objectives.fold_heads`."""


def predict_turned(
    trials: Sequence[FoldHeads], context: TrialContext
) -> list[Mapping[Symmetry, FloatArray]]:
    """Ask the heads of trials that read the same features about the turned validation views.

    Each row is answered by the head of the fold that never saw it, and nothing is stored: features
    of a turn serve all trials at once.

    Args:
        trials: All of one backbone, with the same weights and features.
        context: The sweep's.

    Returns:
        Of each trial, for each symmetry but ``none`` the mean over its turns, shape ``(views,
        rows, classes)``; the views are those that the sweep's score sees.
    """
    inputs = TrialInputs.of_folds(trials[0].params, context)
    by_view = [_mean_over_turns(trials, inputs, view) for view in _scored_views(inputs)]
    return [
        {name: np.stack([view[place][name] for view in by_view]) for name in by_view[0][place]}
        for place in range(len(trials))
    ]


def _scored_views(inputs: TrialInputs) -> list[ImageArray]:
    return scored_views(inputs.context.validation.score, *inputs.validation_images())


def _mean_over_turns(
    trials: Sequence[FoldHeads], inputs: TrialInputs, images: ImageArray
) -> list[dict[Symmetry, FloatArray]]:
    """Give each trial's means over the first 2, 4 and 8 turns."""
    total = np.zeros((len(trials), len(images), inputs.n_classes), np.float32)
    means: list[dict[Symmetry, FloatArray]] = [{} for _ in trials]
    sizes = {len(turns): name for name, turns in TURNS.items() if name != "none"}
    for n_turns, turn in enumerate(TURNS["square"], start=1):
        for start in range(0, len(images), CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            features = inputs.extractor().extract(turned(np.asarray(images[rows]), turn))
            for trial, sums in zip(trials, total, strict=True):
                sums[rows] += _answer(trial, inputs.plan.fold_of[rows], features)
        if n_turns in sizes:
            for mean, sums in zip(means, total, strict=True):
                mean[sizes[n_turns]] = sums / np.float32(n_turns)
    return means


def _answer(trial: FoldHeads, fold_of: np.ndarray, features: np.ndarray) -> FloatArray:
    answers = np.empty((len(features), len(trial.heads[0][-1])), np.float32)
    for fold in np.unique(fold_of):
        mine = fold_of == fold
        answers[mine] = predict_with_head(
            trial.heads[fold],
            features[mine].astype(np.float32),
            is_standardised=trial.params.features == "deep",
        )
    return answers
