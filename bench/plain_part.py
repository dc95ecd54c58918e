"""The plain loop's share of a benchmark run: what is timed, and how it is scaled."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bench.bound import bound_seconds
from bench.cells import Cells
from bench.fixed_list import SHIFT, STRENGTH
from bench.memory import AnonymousMemory
from bench.plain_loop import FoldTiming, PlainLoop
from bench.progress import say
from bench.rates import augmentation_rate, forward_rate, pipeline_rate
from bench.real_sweep import Kind, KindCost, params_of_kind
from bench.sizes import Size
from spaces.params import TrialParams

Pair = tuple[str, str]


def time_fixed_list(data: Path, points: Sequence[TrialParams], size: Size) -> dict[str, Any]:
    """Time folds of one trial a pair, scale them to the list, and measure the bare parts.

    Args:
        data: The images.
        points: All trials of the list.
        size: Folds, epochs, and how many folds of a trial are timed.

    Returns:
        Seconds, rates in images/s, the bound, and the plain loop's peak memory.
    """
    cells = read_cells(data)
    chosen = timed_trials(points)
    with AnonymousMemory() as memory:
        loop = PlainLoop(cells, size.folds)
        loop.fit_fold(next(iter(chosen.values())), 0, 1)  # warm-up
        timings = {pair: _time_folds(loop, chosen[pair], size) for pair in chosen}
    return {
        "plain_s": scaled_seconds(points, size, timings) + loop.shifted_set_s,
        "plain_train_only_s": scaled_seconds(points, size, timings, train_only=True),
        "shifted_set_s": loop.shifted_set_s,
        "timed": [
            {"pair": " ".join(pair), "params": chosen[pair].model_dump(exclude_unset=True)}
            | {"folds": [asdict(fold) for fold in folds]}
            for pair, folds in timings.items()
        ],
        "peak_anonymous_mb": memory.peak_mb,
        **_bare_parts(cells, points, chosen, timings, size),
    }


def timed_trials(points: Sequence[TrialParams]) -> dict[Pair, TrialParams]:
    """Choose a trial of each pair, from another place of the pair's list in each."""
    by_pair: dict[Pair, list[TrialParams]] = {}
    for point in points:
        by_pair.setdefault((point.backbone, point.policy), []).append(point)
    return {
        pair: trials[number % len(trials)] for number, (pair, trials) in enumerate(by_pair.items())
    }


def scaled_seconds(
    points: Sequence[TrialParams],
    size: Size,
    timings: Mapping[Pair, Sequence[FoldTiming]],
    *,
    train_only: bool = False,
) -> float:
    """Scale the timed folds to every fold of every trial of their pairs."""
    seconds = {
        pair: np.mean([fold.total_s - fold.validation_s * train_only for fold in folds])
        for pair, folds in timings.items()
    }
    return float(sum(size.folds * seconds[point.backbone, point.policy] for point in points))


def time_kinds(data: Path, kinds: Sequence[Mapping[str, Any]], size: Size) -> dict[str, Any]:
    """Time one fold of each kind of trial: what it costs to begin, and what an epoch costs."""
    loop = PlainLoop(read_cells(data), size.folds)
    costs = []
    for number, fields in enumerate(kinds):
        kind = Kind(**fields)
        params = params_of_kind(kind)
        if number == 0:
            loop.fit_fold(params, 0, 1, unfrozen=kind.unfrozen)  # warm-up
        timing = loop.fit_fold(params, 0, size.timed_epochs, unfrozen=kind.unfrozen)
        cost = KindCost(timing.setup_s, timing.later_epoch_s)
        costs.append({"kind": asdict(kind), **asdict(cost)})
        say(f"plain, {number + 1} of {len(kinds)} kinds: {cost.epoch_s:.2f} s an epoch")
    return {"costs": costs}


def read_cells(data: Path) -> Cells:
    """Read the images of a benchmark's data set."""
    with np.load(data) as arrays:
        return Cells(arrays["images"], arrays["labels"], data.stem)


def _time_folds(loop: PlainLoop, params: TrialParams, size: Size) -> list[FoldTiming]:
    timings = [loop.fit_fold(params, fold, size.epochs) for fold in range(size.timed_folds)]
    mean_s = np.mean([timing.total_s for timing in timings])
    say(f"plain, {params.backbone}, {params.policy}: {mean_s:.1f} s a fold")
    return timings


def _bare_parts(
    cells: Cells,
    points: Sequence[TrialParams],
    chosen: Mapping[Pair, TrialParams],
    timings: Mapping[Pair, Sequence[FoldTiming]],
    size: Size,
) -> dict[str, Any]:
    policies = sorted({point.policy for point in points} | {SHIFT})
    weights = {point.backbone: point.weights for point in points}
    augmenting = {policy: augmentation_rate(cells, policy, STRENGTH) for policy in policies}
    forwarding = {name: forward_rate(cells, name, weights[name]) for name in sorted(weights)}
    rates = {
        "augmentation_keras_cv": augmenting,
        "forward": forwarding,
        "bare_pipeline": {" ".join(p): pipeline_rate(cells, t) for p, t in chosen.items()},
        "plain_training": {" ".join(p): _training_rate(folds) for p, folds in timings.items()},
    }
    bound_s = bound_seconds(points, size, augmentation_rates=augmenting, forward_rates=forwarding)
    return {"bound_s": bound_s, "images_per_s": rates}


def _training_rate(folds: Sequence[FoldTiming]) -> float:
    return float(np.mean([fold.training_rate for fold in folds]))
