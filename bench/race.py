"""Replay races between stored fine-tunings, and say how often the rule is wrong.

The stored ones ran to their end, so it is known what a race between them would have given up and
saved. They also say how trials vary; trials made up with the same variation, in thousands, give the
error rate.

Usage: python -m bench.race FOLDER [--json] [--small]
"""

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from bench.cells import load_cells
from bench.document import surroundings
from bench.equality import lay_out
from bench.finetunings import COMMON, POINTS, SEEDS, Finetuning, Stored, load, train
from bench.parts import use_shared_weights
from bench.simulated_trials import Variation, is_given_up, measure, simulate
from bench.sizes import FULL, SMALL, Size
from bench.weights import choose_weights
from objectives.stopping.race import LEVEL, race_steps

IMAGES = 1700
LEVELS = (0.9, LEVEL, 0.975)
GAINS = (-0.05, -0.02, -0.01, 0.0, 0.005, 0.01, 0.02)
ORDERS = 2000


def main() -> None:
    """Train what is missing, then replay and simulate."""
    parser = argparse.ArgumentParser(prog="python -m bench.race")
    parser.add_argument("folder", type=Path, help="where fine-tunings are stored and looked for")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--small", action="store_true", help="the same in about three minutes")
    asked = parser.parse_args()
    use_shared_weights()
    document = run(SMALL if asked.small else FULL, asked.folder)
    print(json.dumps(document, indent=1) if asked.json else as_text(document))


def run(size: Size, folder: Path) -> dict[str, Any]:
    """Give the document.

    Args:
        size: Small takes few images and three points.
        folder: Of the fine-tunings.
    """
    small = size is SMALL
    cells = load_cells(size.image_px).sample(size.images if small else IMAGES)
    n_points = 3 if small else len(POINTS)
    with tempfile.TemporaryDirectory(prefix="foldsweep-bench-") as scratch:
        problem = lay_out(cells.save(Path(scratch) / "cells.npz"), size, Path(scratch))
        backbones = {str({**COMMON, **point}["backbone"]) for point in POINTS.values()}
        weights = choose_weights(sorted(backbones), size.image_px, Path(scratch))
        train(problem, weights, folder, points=n_points)
    stored = load(folder)
    variation = measure([trial.at_end for trial in stored.trials], stored.fold_of)
    n_simulated = 100 if small else 1000
    return {
        **surroundings(size, cells.origin),
        "variation": variation.as_dict(),
        "replay": [replay(stored, level=level) for level in LEVELS],
        "simulation": simulated_rates(variation, n_folds=size.folds, n_trials=n_simulated),
        "how": __doc__,
    }


def replay(stored: Stored, *, level: float) -> dict[str, Any]:
    """Race the stored trials of one seed in many random orders.

    Args:
        stored: Fine-tunings of several points.
        level: Of the rule.

    Returns:
        ``given_up``: share of the challengers; ``missed``: share of those that would have become
        the best, that were given up; ``saved``: share of the seconds that were not spent.
    """
    trials = [trial for trial in stored.trials if trial.seed == SEEDS[0]]
    scores = {trial.point: _score(trial, stored.fold_of) for trial in trials}
    n_folds = int(stored.fold_of.max()) + 1
    folds_run = {
        (challenger.point, incumbent.point): is_given_up(
            _in_folds(challenger, incumbent, stored.fold_of, n_folds), n_folds=n_folds, level=level
        )
        or n_folds
        for challenger, incumbent in permutations(trials, 2)
    }
    challengers = given_up = would_win = missed = 0
    spent_s = all_s = 0.0
    generator = np.random.default_rng(0)
    for _ in range(ORDERS):
        first, *others = (trials[place] for place in generator.permutation(len(trials)))
        best = first.point
        for trial in others:
            n_run = folds_run[trial.point, best]
            is_better = scores[trial.point] > scores[best]
            challengers += 1
            given_up += n_run < n_folds
            would_win += is_better
            missed += is_better and n_run < n_folds
            spent_s += trial.fold_s * n_run
            all_s += trial.fold_s * n_folds
            best = trial.point if is_better and n_run == n_folds else best
    return {
        "level": level,
        "trials": len(trials),
        "given_up": given_up / challengers,
        "missed": missed / max(would_win, 1),
        "saved": 1 - spent_s / all_s,
        "fold_s": float(np.mean([trial.fold_s for trial in trials])),
    }


def _score(trial: Finetuning, fold_of: np.ndarray) -> float:
    """Score a trial as a sweep does: each fold at the epoch that the others choose."""
    n_folds = int(fold_of.max()) + 1
    per_image = trial.right.mean(axis=1)
    curves = np.stack([per_image[:, fold_of == j].mean(axis=1) for j in range(n_folds)], axis=1)
    others = curves.sum(axis=1, keepdims=True) - curves
    return float(np.mean([curves[int(np.argmax(others[:, j])), j] for j in range(n_folds)]))


def _in_folds(
    challenger: Finetuning, incumbent: Finetuning, fold_of: np.ndarray, n_folds: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Give what both have right at the end in the folds that are run before the last step."""
    return [
        (challenger.right[-1][:, fold_of == fold], incumbent.right[-1][:, fold_of == fold])
        for fold in range(race_steps(n_folds)[-1].start)
    ]


def simulated_rates(variation: Variation, *, n_folds: int, n_trials: int) -> list[dict[str, float]]:
    """Say how often trials of a known gain are given up, at either look and after the first.

    Args:
        variation: How trials vary.
        n_folds: Of the sweep.
        n_trials: How many are made up for each gain; the same for every level.
    """
    rows = []
    for gain in GAINS:
        for level in LEVELS:
            generator = np.random.default_rng(0)
            ended = [
                is_given_up(
                    simulate(variation, gain, n_folds=2, generator=generator),
                    n_folds=n_folds,
                    level=level,
                )
                for _ in range(n_trials)
            ]
            after_one, at_all = (float(np.mean(hits)) for hits in _hits(ended))
            rows.append(
                {"gain": gain, "level": level, "after_one_fold": after_one, "given_up": at_all}
            )
    return rows


def _hits(ended: Sequence[int]) -> tuple[list[bool], list[bool]]:
    return [after == 1 for after in ended], [after > 0 for after in ended]


def as_text(document: Mapping[str, Any]) -> str:
    """Write the figures as lines."""
    parts = [document["variation"], *document["replay"], *document["simulation"]]
    return "\n".join(", ".join(f"{k} {v:.4g}" for k, v in part.items()) for part in parts)


if __name__ == "__main__":
    main()
