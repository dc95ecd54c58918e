"""Measure what fine-tuning gains over its heads at each rate of each optimizer, out of fold.

One trial of heads for each optimizer, on deep features of a MobileNet; then fine-tunings of it that
differ in their rate alone. The gain is paired, image by image, resampled by group. The ranges of
``finetune_learning_rate`` in ``spaces/default_space.py`` go by it; see docs/benchmarks.md.

Usage: python -m bench.finetune_rates [--json] [--small]
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.cells import load_cells
from bench.command import run_command
from bench.document import surroundings
from bench.equality import Problem, lay_out
from bench.fixed_list import SHIFT
from bench.progress import say
from bench.sizes import SMALL, Size
from bench.weights import choose_weights
from bench.what_helps import stack_views
from objectives.evaluation.bootstrap import draw_resamples, estimate, replicate
from objectives.records import TrialHead
from objectives.settings import TrainSettings
from objectives.trial import train_trial
from spaces.params import TrialParams

BACKBONE = "mobilenet_v2_0.35"
FOLDS, IMAGES, SEED = 3, 1000, 0
HEAD_EPOCHS, FINETUNE_EPOCHS = 20, 6
HEAD_RATES: Mapping[str, float] = {"sgd": 2e-2, "adamw": 1e-3, "lion": 3e-4}
RATES: Mapping[str, Sequence[float]] = {
    "sgd": (3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
    "adamw": (3e-5, 1e-4, 2e-4, 5e-4),
    "lion": (3e-6, 1e-5, 3e-5, 1e-4),
}
COMMON: Mapping[str, Any] = {
    "backbone": BACKBONE,
    "policy": SHIFT,
    "strength": "medium",
    "dense_units": 128,
    "weight_decay": 1e-4,
    "schedule": "cosine",
    "warmup_fraction": 0.05,
    "batch_size": 64,
    "finetune_fraction": 0.6,
}


def main() -> None:
    """Run what the arguments ask for."""
    run_command("bench.finetune_rates", measure, lambda document: as_table(document["rows"]))


def measure(size: Size, folder: Path) -> dict[str, Any]:
    """Fine-tune at every rate.

    Args:
        size: Small takes few images and two rates of each optimizer.
        folder: For data, stores and files.
    """
    small = size is SMALL
    cells = load_cells(size.image_px).sample(size.images if small else IMAGES)
    document = surroundings(size, cells.origin)
    problem = lay_out(cells.save(folder / "cells.npz"), replace(size, folds=FOLDS), folder)
    weights = choose_weights([BACKBONE], size.image_px, folder)[BACKBONE]
    rows: list[dict[str, Any]] = []
    for optimizer, rates in RATES.items():
        rows += _gains(problem, weights, optimizer, rates[:2] if small else rates)
    return {**document, "rows": rows, "how": __doc__}


def _gains(
    problem: Problem, weights: str, optimizer: str, rates: Sequence[float]
) -> list[dict[str, Any]]:
    mine = problem.splits.rows
    labels, groups = problem.data.labels[mine], problem.splits.groups[mine]
    resamples = draw_resamples(groups, seed=SEED)
    point = {**COMMON, "weights": weights, "optimizer": optimizer}
    place = problem.folder / optimizer
    (place / "head").mkdir(parents=True)
    train = TrainSettings(
        head_epochs=HEAD_EPOCHS, views=HEAD_EPOCHS, finetune_epochs=FINETUNE_EPOCHS
    )
    context = problem.context(train, place / "head", seed=SEED)
    params = TrialParams.model_validate({**point, "learning_rate": HEAD_RATES[optimizer]})
    found = train_trial(params, context)
    views = stack_views(found.oof_clean, found.oof_shifted)
    before = replicate(labels, views, "accuracy", resamples)
    head = TrialHead(found.score, found.fold_scores, context.checkpoint_folder)
    rows = []
    for rate in rates:
        folder = place / str(rate)
        folder.mkdir(parents=True)
        second = replace(context, phase="finetune", head=head, checkpoint_folder=folder)
        tuned = params.model_copy(update={"finetune_learning_rate": rate})
        began_s = time.perf_counter()
        second_found = train_trial(tuned, second)
        views = stack_views(second_found.oof_clean, second_found.oof_shifted)
        after = replicate(labels, views, "accuracy", resamples)
        gain = estimate(after - before)
        say(f"{optimizer} {rate:g}: {gain.score:+.4f}")
        rows.append(
            {
                "optimizer": optimizer,
                "rate": rate,
                "head": found.score,
                "gain": gain.score,
                "gain_low": gain.low,
                "gain_high": gain.high,
                "seconds": time.perf_counter() - began_s,
            }
        )
    return rows


def as_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write the rows as a Markdown table."""
    lines = ["| optimizer | rate | heads | gain | 95 % | seconds |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {row['optimizer']} | {row['rate']:g} | {row['head']:.3f} | {row['gain']:+.3f} "
        f"| {row['gain_low']:+.3f} to {row['gain_high']:+.3f} | {row['seconds']:.0f} |"
        for row in rows
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
