"""Whether a registered model answers as what was trained; see docs/benchmarks.md.

A deep head is trained on four fifths of the images as a promotion does, written as the one Keras
file that a registry serves, and asked about the others, in this process and in one that imports
Keras and nothing of foldsweep.

Usage: python -m bench.exported [--json] [--small]
"""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.cells import load_cells
from bench.command import Document, run_command
from bench.document import surroundings
from bench.equality import lay_out
from bench.sizes import SMALL, Size
from bench.weights import choose_weights
from bench.what_helps import BACKBONES, COMMON, context_of
from objectives.fold_heads import predict_with_head
from objectives.networks.serving import ServedMember, servable_model
from objectives.records import FloatArray, Splits
from objectives.refit import refit
from objectives.trial_inputs import TrialInputs
from spaces.params import TrialParams

ASIDE_FOLD = 0
ELSEWHERE = """
import sys, keras, numpy as np
np.save(sys.argv[3], keras.saving.load_model(sys.argv[1]).predict(np.load(sys.argv[2]), verbose=0))
assert not {"objectives", "search", "spaces", "mlruns_config"} & set(sys.modules)
"""
SHOWN = ("float32_most", "float16_mean", "float16_same_class", "elsewhere_most")


def main() -> None:
    """Train, export, compare, and print what was found."""
    run_command("bench.exported", measure, as_text)


def as_text(document: Document) -> str:
    """Write the figures of each model as lines."""
    rows = [(one["backbone"], name, one[name]) for one in document["models"] for name in SHOWN]
    return "\n".join(f"{backbone:20} {name:20} {value:.6f}" for backbone, name, value in rows)


def measure(size: Size, folder: Path) -> dict[str, Any]:
    """Compare the exported model of a head on each backbone with what was trained.

    Args:
        size: Small takes few images and one backbone.
        folder: For data, features and models.

    Returns:
        Of each backbone, as differences of probability: ``float32_most``, against the trained head
        on float32 features; ``float16_mean`` and ``float16_same_class`` (a share), against it on
        the stored features, as trials are scored; ``elsewhere_most``, between the two processes.
    """
    cells = load_cells(size.image_px).sample(size.equality_images)
    backbones = BACKBONES[:1] if size is SMALL else BACKBONES
    problem = lay_out(cells.save(folder / "cells.npz"), size, folder)
    weights = choose_weights(backbones, size.image_px, folder)
    splits = problem.splits
    aside = splits.rows[splits.fold_of == ASIDE_FOLD]
    trained = splits.rows[splits.fold_of != ASIDE_FOLD]
    problem = replace(problem, splits=_without_folds(splits, trained))
    models = []
    for backbone in backbones:
        point = {**COMMON, "backbone": backbone, "weights": weights[backbone]}
        params = TrialParams.model_validate(point)
        context = context_of(problem, {})
        network = refit(params, {"head": context.train.head_epochs}, context)
        images = np.asarray(problem.data.images[aside])
        head = [w for layer in network.head.layers for w in layer.get_weights()]
        exported = folder / f"{backbone}.keras"
        model = servable_model([ServedMember(network)], size.image_px)
        model.save(exported)
        answers: FloatArray = model.predict(images, verbose=0)
        float32 = network.trunk.predict(images.astype(np.float32), verbose=0)
        stored = TrialInputs.of_refit(params, context).extractor().extract(images)
        on_float32 = predict_with_head(head, float32, is_standardised=True)
        on_stored = predict_with_head(head, stored.astype(np.float32), is_standardised=True)
        elsewhere = _predict_elsewhere(exported, images, folder)
        models.append(
            {
                "backbone": backbone,
                "images": len(images),
                "float32_most": float(np.abs(answers - on_float32).max()),
                "float16_mean": float(np.abs(answers - on_stored).mean()),
                "float16_same_class": float(np.mean(answers.argmax(1) == on_stored.argmax(1))),
                "elsewhere_most": float(np.abs(answers - elsewhere).max()),
            }
        )
    return {**surroundings(size, cells.origin), "models": models}


def _without_folds(splits: Splits, rows: np.ndarray) -> Splits:
    return replace(splits, rows=rows, fold_of=np.zeros(len(rows), np.int64))


def _predict_elsewhere(exported: Path, images: np.ndarray, folder: Path) -> FloatArray:
    """Ask the file in a process that knows Keras alone."""
    given, answered = folder / "images.npy", folder / "answers.npy"
    np.save(given, images)
    command = [sys.executable, "-c", ELSEWHERE, str(exported), str(given), str(answered)]
    subprocess.run(command, check=True, cwd=folder)
    answers: FloatArray = np.load(answered)
    return answers


if __name__ == "__main__":
    main()
