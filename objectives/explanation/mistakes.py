"""The worst mistakes of a trial whose backbone stayed frozen, and where its heads looked."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from objectives.evaluation.mistakes import worst_mistakes
from objectives.explanation.grad_cam import grad_cam, head_gradients, last_maps
from objectives.explanation.seen_picture import SeenImage, draw_seen
from objectives.fold_heads import Heads, read_heads
from objectives.records import FloatArray, ImageArray, RowArray, TrialContext, TrialResult, View
from objectives.trial_inputs import TrialInputs
from spaces.params import TrialParams

N_SHOWN = 12


def explain_mistakes(
    params: TrialParams, context: TrialContext, result: TrialResult
) -> tuple[Path, ...]:
    """Draw the surest wrong answers, and what the head of the image's fold looked at.

    Each image is explained by the head that never saw it, with which it was scored.

    Args:
        params: The trial's.
        context: The trial's; its folder has the heads.
        result: What it found.

    Returns:
        A picture for each view: clean, and shifted where the store keeps that view. None of a trial
        without heads, or whose backbone has no map.
    """
    heads = read_heads(context.checkpoint_folder)
    if heads is None:
        return ()
    inputs = TrialInputs.of_folds(params, context)
    if not inputs.is_network:
        return ()
    clean, shifted = inputs.kept_validation_images()
    views: dict[View, tuple[ImageArray | None, FloatArray | None]] = {
        "clean": (clean, result.oof_clean),
        "shifted": (shifted, result.oof_shifted),
    }
    drawn = []
    for view, (images, probabilities) in views.items():
        if images is None or probabilities is None:
            continue
        seen = list(_seen(inputs, heads, images, probabilities))
        if seen:
            drawn.append(draw_seen(seen, context.checkpoint_folder / f"seen_{view}.jpg"))
    return tuple(drawn)


def _seen(
    inputs: TrialInputs, heads: Heads, images: ImageArray, probabilities: FloatArray
) -> Iterator[SeenImage]:
    rows = worst_mistakes(inputs.labels, probabilities)[:N_SHOWN]
    shown = np.asarray(images[rows])
    found = last_maps(inputs.params, shown) if len(rows) else None
    if found is None:
        return
    maps, features = found
    gradients = _gradients(inputs, heads, rows, features, probabilities)
    places = grad_cam(maps, gradients[:, -maps.shape[-1] :])
    names = inputs.context.data.class_names
    for row, image, heat in zip(rows, shown, places, strict=True):
        guess = int(probabilities[row].argmax())
        yield SeenImage(
            image,
            heat,
            truth=names[inputs.labels[row]],
            guess=names[guess],
            sure=float(probabilities[row, guess]),
        )


def _gradients(
    inputs: TrialInputs,
    heads: Heads,
    rows: RowArray,
    features: FloatArray,
    probabilities: FloatArray,
) -> FloatArray:
    """Differentiate the score of what each image was taken for, with respect to its features."""
    gradients = np.zeros_like(features)
    guesses, folds = probabilities[rows].argmax(axis=1), inputs.plan.fold_of[rows]
    for fold in np.unique(folds):
        mine = folds == fold
        gradients[mine] = head_gradients(
            heads[int(fold)],
            features[mine],
            guesses[mine],
            is_standardised=inputs.params.features == "deep",
        )
    return gradients
