"""Measure what each part of a head trial is worth, out of fold; see docs/what-helps.md.

Every variant differs from its reference in one thing. Both are trained on the same folds of the
same images, so the gain is paired: image by image, resampled by group. Nothing is chosen here, and
no image is set aside: each score is that of models that have not seen the image.

Usage: python -m bench.what_helps [--json] [--small]
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.cells import load_cells
from bench.document import surroundings
from bench.equality import Problem, lay_out
from bench.goes_on import GoesOn
from bench.parts import use_shared_weights
from bench.progress import say
from bench.sizes import FULL, SMALL, Size
from bench.weights import choose_weights
from objectives.evaluation.bootstrap import draw_resamples, estimate, replicate
from objectives.records import TrialContext, TrialResult
from objectives.settings import TrainSettings, ValidationSettings
from objectives.trial import train_trial
from spaces.params import TrialParams

BACKBONES = ("mobilenet_v2_0.35", "mobilenet_0.5", "mobilenet_0.25")
SHIFT = "augmix+randaugment"
SEED = 0


@dataclass(frozen=True)
class Variant:
    """A trial, and the one that it differs from in one thing."""

    name: str
    against: str
    params: Mapping[str, Any] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)


COMMON: Mapping[str, Any] = {
    "policy": SHIFT,
    "strength": "medium",
    "dense_units": 128,
    "optimizer": "adamw",
    "learning_rate": 1e-3,
    "weight_decay": 1e-4,
    "schedule": "cosine",
    "warmup_fraction": 0.05,
    "batch_size": 64,
}
DEEP = "deep, 40 epochs round 20 views"
PATHS = {"policy": f"none|{SHIFT}|{SHIFT}"}
VARIANTS = (
    Variant(DEEP, DEEP),
    Variant("last instead of deep", DEEP, {"features": "last"}),
    Variant("20 epochs round 20 views", DEEP, train={"head_epochs": 20}),
    Variant("40 epochs round 10 views", DEEP, train={"views": 10}),
    Variant("40 epochs, 40 views", DEEP, train={"views": 40}),
    Variant("every third epoch clean", DEEP, PATHS),
    Variant("every second epoch clean", DEEP, {"policy": f"none|{SHIFT}"}),
    Variant("no augmentation", DEEP, {"policy": "none"}),
    Variant("no hidden layer", DEEP, {"dense_units": 0}),
    Variant("256 hidden units", DEEP, {"dense_units": 256}),
)


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(prog="python -m bench.what_helps")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--small", action="store_true", help="the same in about a minute")
    asked = parser.parse_args()
    use_shared_weights()
    size = SMALL if asked.small else FULL
    with tempfile.TemporaryDirectory(prefix="foldsweep-bench-") as folder:
        document = measure(size, Path(folder))
    print(json.dumps(document, indent=1) if asked.json else as_table(document["rows"]))


def measure(size: Size, folder: Path) -> dict[str, Any]:
    """Train all variants on all backbones and compare each with its reference.

    Args:
        size: Small takes few images, one backbone and one variant beside the reference.
        folder: For data, stores and files.
    """
    small = size is SMALL
    cells = load_cells(size.image_px).sample(size.equality_images)
    document = surroundings(size, cells.origin)
    backbones = BACKBONES[:1] if small else BACKBONES
    problem = lay_out(cells.save(folder / "cells.npz"), size, folder)
    weights = choose_weights(backbones, size.image_px, folder)
    rows = [
        row
        for backbone in backbones
        for row in compare(
            problem,
            {"backbone": backbone, "weights": weights[backbone]},
            VARIANTS[:2] if small else VARIANTS,
        )
    ]
    return {**document, "rows": rows, "how": __doc__}


def compare(
    problem: Problem, backbone: Mapping[str, Any], variants: Sequence[Variant]
) -> Iterator[dict[str, Any]]:
    """Train the variants on one backbone; the reference of a variant comes before it.

    Args:
        problem: Images and folds.
        backbone: Its name and weights, as parameters.
        variants: What to train.

    Yields:
        Scores, paired gain of the mean of clean and shifted accuracy with its interval of 95 %,
        and seconds once all features are there.
    """
    rows = problem.splits.rows
    labels = problem.data.labels[rows]
    resamples = draw_resamples(problem.splits.groups[rows], seed=SEED)
    found: dict[str, Any] = {}
    for variant in variants:
        params = TrialParams.model_validate({**COMMON, **backbone, **variant.params})
        _train(problem, params, variant.train)
        began_s = time.perf_counter()
        result = _train(problem, params, variant.train)
        seconds = time.perf_counter() - began_s
        shown = (result.oof_clean, result.oof_shifted)
        views = np.stack([view for view in shown if view is not None])
        found[variant.name] = replicate(labels, views, "accuracy", resamples)
        gain = estimate(found[variant.name] - found[variant.against])
        row = {
            "backbone": params.backbone,
            "variant": variant.name,
            "against": variant.against,
            "clean": result.clean,
            "shifted": result.shifted,
            "robust": result.score,
            "gain": gain.score,
            "gain_low": gain.low,
            "gain_high": gain.high,
            "warm_s": seconds,
        }
        say(f"{params.backbone}, {variant.name}: {result.score:.4f}, {seconds:.1f} s")
        yield row


def _train(problem: Problem, params: TrialParams, train: Mapping[str, Any]) -> TrialResult:
    epochs = problem.size.equality_epochs if problem.size is SMALL else 40
    context = TrialContext(
        data=problem.data,
        splits=problem.splits,
        validation=ValidationSettings(folds=problem.size.folds, shift=SHIFT),
        train=TrainSettings.model_validate(
            {"head_epochs": epochs, "views": 20, "finetune_epochs": 0, **train}
        ),
        seed=SEED,
        home=problem.folder / "home",
        checkpoint_folder=problem.folder / "trial",
        reporter=GoesOn(),
        max_store_bytes=50 * 10**9,
        keep_views=True,
    )
    return train_trial(params, context)


def as_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write the rows as a Markdown table."""
    lines = [
        "| backbone | variant | clean | shifted | robust | gain | 95 % | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        is_reference = row["variant"] == row["against"]
        gain = "" if is_reference else f"{row['gain']:+.3f}"
        interval = "" if is_reference else f"{row['gain_low']:+.3f} to {row['gain_high']:+.3f}"
        lines.append(
            f"| {row['backbone']} | {row['variant']} | {row['clean']:.3f} | {row['shifted']:.3f} "
            f"| {row['robust']:.3f} | {gain} | {interval} | {row['warm_s']:.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
