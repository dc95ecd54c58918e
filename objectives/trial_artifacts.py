"""The files that a trial leaves behind: predictions, curves as data and as pictures."""

import json
import math
from pathlib import Path
from typing import Any

from objectives.evaluation.history import History
from objectives.evaluation.metrics import confidence_bins, confusion_matrix
from objectives.evaluation.pictures import (
    draw_confusion,
    draw_curves,
    draw_policy_gallery,
    draw_worst_mistakes,
)
from objectives.evaluation.reliability_picture import draw_reliability
from objectives.records import FloatArray
from objectives.trial_inputs import TrialInputs
from objectives.views.keys import ViewKey
from spaces.files import disk_full_is_unavailable, replacing

_galleries: dict[tuple[ViewKey, ...], bytes] = {}


def write_artifacts(
    inputs: TrialInputs, history: History, clean: FloatArray, shifted: FloatArray | None
) -> tuple[Path, ...]:
    """Write what a person looks at after a trial, and what later analysis reads.

    Args:
        inputs: What the trial read.
        history: Its curves.
        clean: Out-of-fold probabilities, shape ``(rows, classes)``.
        shifted: The same under the shift, if there was one.

    Returns:
        The files: ``curves.json`` and five pictures.

    Raises:
        DiskFullError: If the disk is full.
    """
    with disk_full_is_unavailable(f"{inputs.context.checkpoint_folder} is written"):
        return _write_all(inputs, history, clean, shifted)


def _write_all(
    inputs: TrialInputs, history: History, clean: FloatArray, shifted: FloatArray | None
) -> tuple[Path, ...]:
    folder = inputs.context.checkpoint_folder
    folder.mkdir(parents=True, exist_ok=True)
    names = inputs.context.data.class_names
    views = {"clean": clean} if shifted is None else {"clean": clean, "shifted": shifted}
    matrices = {
        name: confusion_matrix(inputs.labels, probabilities, len(names))
        for name, probabilities in views.items()
    }
    images = inputs.context.data.images
    return (
        _write_json(
            folder / "curves.json",
            {**history.curves(), "confusion": {k: m.tolist() for k, m in matrices.items()}},
        ),
        draw_curves(history.curves(), folder / "learning_curves.png"),
        draw_confusion(matrices, names, folder / "confusion_matrix.png"),
        draw_reliability(
            {name: confidence_bins(inputs.labels, p) for name, p in views.items()},
            folder / "reliability.png",
        ),
        _write_gallery(inputs, folder / "policy_gallery.jpg"),
        draw_worst_mistakes(
            images,
            inputs.context.splits.rows,
            inputs.labels,
            clean,
            names,
            folder / "worst_mistakes.jpg",
        ),
    )


def _write_gallery(inputs: TrialInputs, path: Path) -> Path:
    """Draw the gallery of a policy once: all trials of a burst show the same."""
    keys = inputs.gallery_keys()
    if keys not in _galleries:
        _galleries.clear()
        _galleries[keys] = draw_policy_gallery(inputs.gallery(keys), path).read_bytes()
    with replacing(path) as file:
        file.write(_galleries[keys])
    return path


def _write_json(path: Path, document: dict[str, Any]) -> Path:
    with replacing(path) as file:
        file.write(json.dumps(_without_nan(document), indent=1).encode())
    return path


def _without_nan(value: Any) -> Any:
    """Turn nan, which JSON does not have, into null."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
