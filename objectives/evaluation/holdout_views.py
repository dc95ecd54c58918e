"""What the holdout is shown as: a draw of the shift that nothing was chosen by, and corruptions."""

from functools import partial

import numpy as np

from objectives.augmentation import augmenter
from objectives.evaluation.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from objectives.evaluation.holdout import HoldoutViews
from objectives.records import ImageArray, LabelledImages, RowArray
from objectives.settings import SHIFT_STRENGTH, ValidationSettings
from objectives.store.array_store import ArrayStore
from objectives.views.views import Views
from spaces.policy_text import IDENTITY


def make_holdout_views(
    data: LabelledImages,
    rows: RowArray,
    validation: ValidationSettings,
    *,
    seed: int,
    store: ArrayStore,
) -> HoldoutViews:
    """Draw the shift of some rows under the purpose ``holdout``, and name all corruptions.

    Args:
        data: All images.
        rows: Those to show.
        validation: Whose shift is drawn.
        seed: The sweep's; the purpose keeps this draw apart from all that trials have seen.
        store: Where views lie; nothing is written there.
    """
    shifted = None
    if validation.shift != IDENTITY:
        shifted = _draw_shift(data, rows, validation.shift, seed=seed, store=store)
    corruptions = tuple((name, partial(_corrupt, name=name, seed=seed)) for name in CORRUPTIONS)
    return HoldoutViews(shifted, corruptions)


def _draw_shift(
    data: LabelledImages, rows: RowArray, shift: str, *, seed: int, store: ArrayStore
) -> ImageArray:
    # All held-out rows are one pool: whatever a mixing policy mixes in is held out too.
    views = Views(
        data,
        rows,
        np.zeros(len(rows), dtype=np.int64),
        n_classes=len(data.class_names),
        seed=seed,
        augmenter=augmenter("opencv"),
        store=store,
    )
    key = views.key(shift, SHIFT_STRENGTH, 0, "holdout")
    return np.concatenate([shard.images for shard in views.shards(key)])


def _corrupt(images: ImageArray, *, name: str, seed: int) -> ImageArray:
    """Corrupt each image at one severity; images and corruptions take them in turn.

    So all severities count alike at a third of what showing every image at each of them costs.
    """
    turn = CORRUPTIONS.index(name)
    corrupted = [
        corrupt(
            image[None],
            name,
            SEVERITIES[(turn + place) % len(SEVERITIES)],
            seed=seed,
            first_row=place,
        )
        for place, image in enumerate(images)
    ]
    return np.concatenate(corrupted)
