"""The benchmark's arithmetic and plumbing; nothing here depends on how fast anything is."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.bound import bound_seconds
from bench.cells import Cells, generate_cells
from bench.compute_once import measure_speed
from bench.equality import summarise_trials
from bench.fixed_list import BACKBONES, fixed_points, fixed_sweep
from bench.memory import AnonymousMemory
from bench.plain_loop import FoldTiming, PlainLoop
from bench.plain_part import scaled_seconds
from bench.real_sweep import Kind, KindCost, Work, plain_seconds, work_of_epochs
from bench.sizes import FULL, SMALL
from bench.stopwatch import Stopwatch
from objectives.records import Phase
from search.storage.records import EpochRow
from search.sweep_file.sweep_file import check_sweep
from spaces.narrowing import resolve_space
from spaces.params import TrialParams
from spaces.recipes import resolve_recipe

IMAGENET = dict.fromkeys(BACKBONES, "imagenet")
TINY = replace(SMALL, images=16, sweep_images=16, sweep_trials=2)
HEAD = Kind("mobilenet_0.25", "imagenet", "randaugment", "low", 0.0)
TUNED = replace(HEAD, unfrozen=0.3)


def test_the_list_holds_four_pairs_and_every_optimizer_with_each_loss() -> None:
    points = fixed_points(IMAGENET, FULL.heads_per_pair)
    assert len(points) == len(set(points)) == 24
    assert len({point.pair for point in points}) == 4
    assert len({(point.optimizer, point.loss) for point in points}) == 6
    assert all(point.dense_units for point in points)


def test_the_short_list_holds_every_optimizer_and_both_losses_too() -> None:
    points = fixed_points(IMAGENET, SMALL.heads_per_pair, n_policies=SMALL.policies)
    assert {point.optimizer for point in points} == {"adamw", "sgd", "lion"}
    assert {point.loss for point in points} == {"cross_entropy", "focal"}


def test_every_point_lies_in_its_sweep_and_leaves_the_sampler_nothing_that_counts(
    tmp_path: Path,
) -> None:
    points = fixed_points(IMAGENET, FULL.heads_per_pair)
    file = check_sweep(fixed_sweep("list", tmp_path / "list.npz", points, FULL))
    space = resolve_space(file.space)
    for point in points:
        drawn = resolve_recipe(point.model_dump(exclude_unset=True), space)
        heads = [d for d in space.dimensions if d.stage == "head"]
        assert {d.label for d in heads if d.exists(point.model_dump())} == drawn.keys()


def test_the_bound_counts_each_view_once_and_forwards_it_once_a_backbone() -> None:
    points = fixed_points(IMAGENET, 2)
    size = replace(FULL, images=100, epochs=3)
    seconds = bound_seconds(
        points,
        size,
        augmentation_rates={"augmix+randaugment": 10.0, "randaugment": 20.0},
        forward_rates={BACKBONES[0]: 50.0, BACKBONES[1]: 100.0},
    )
    augmenting = 300 / 10 + 300 / 20 + 100 / 10
    forwarding = (600 + 200) / 50 + (600 + 200) / 100
    assert seconds == pytest.approx(augmenting + forwarding)


def test_timed_folds_stand_for_every_fold_of_every_trial_of_their_pair() -> None:
    points = fixed_points(IMAGENET, 2)
    timings = {
        (point.backbone, point.policy): [
            FoldTiming(10.0, (4.0, 3.0), (1.0, 1.0), 80, 40),
            FoldTiming(12.0, (5.0, 3.0), (1.0, 1.0), 80, 40),
        ]
        for point in points
    }
    assert scaled_seconds(points, FULL, timings) == pytest.approx(8 * 5 * 11.0)
    alone = scaled_seconds(points, FULL, timings, train_only=True)
    assert alone == pytest.approx(8 * 5 * 9.0)


def test_setup_is_what_a_fold_costs_besides_its_epochs() -> None:
    timing = FoldTiming(10.0, (4.0, 3.0), (2.0, 1.0), 80, 40)
    assert timing.later_epoch_s == 3.0
    assert timing.setup_s == 4.0
    assert timing.training_rate == 40.0


def test_an_epoch_of_a_fold_counts_once_in_the_work_of_a_trial() -> None:
    params = TrialParams(backbone="mobilenet_0.25", policy="randaugment", strength="low")

    def rows(stage: str, *folds: str) -> list[EpochRow]:
        scores = [dict.fromkeys(each.split(","), 0.5) for each in folds]
        head: Phase = "head"
        return [
            EpochRow("s", 0, head, stage, 0, each, 0, 1, found, 0.5, 0)
            for each, found in zip(folds, scores, strict=True)
        ]

    later = [replace(row, epoch=1) for row in rows("head", "0,1")]
    assert work_of_epochs(7, params, rows("head", "0,1") + later) == [Work(7, HEAD, 2, 4)]
    # One fold, one more, and then the last one beside those before it.
    raced = rows("finetune", "0", "1", "0,1,2")
    assert work_of_epochs(7, params, raced) == [Work(7, TUNED, 3, 3)]


def test_the_plain_cost_of_a_sweep_is_folds_times_setup_and_fold_epochs_times_epoch() -> None:
    work = [Work(0, HEAD, 5, 20), Work(1, HEAD, 5, 10), Work(1, TUNED, 5, 5)]
    costs = {HEAD: KindCost(1.0, 2.0), TUNED: KindCost(3.0, 10.0)}
    assert plain_seconds(work, costs) == 10 * 1.0 + 30 * 2.0 + 5 * 3.0 + 5 * 10.0


def test_differences_of_accuracy_keep_their_sign_in_one_mean_and_lose_it_in_the_other() -> None:
    trials = [_compared(0.80, 0.82), _compared(0.70, 0.69)]
    summary = summarise_trials(trials)
    assert summary["mean_abs_delta"] == pytest.approx(0.015)
    assert summary["mean_delta"] == pytest.approx(0.005)
    assert summary["all_between_0.5_and_0.95"]
    assert not summarise_trials([_compared(0.4, 0.6)])["all_between_0.5_and_0.95"]


def _compared(plain: float, ours: float) -> dict[str, Any]:
    return {loop: {"clean": value, "shifted": value} for loop, value in _both(plain, ours)}


def _both(plain: float, ours: float) -> list[tuple[str, float]]:
    return [("plain", plain), ("ours", ours)]


def test_a_run_gives_every_name_that_is_asked_for_and_ratios_of_its_parts(tmp_path: Path) -> None:
    document = json.loads(
        json.dumps(measure_speed(TINY, generate_cells(64, 96), tmp_path, _answer))
    )
    assert document["plain_s"] == 300.0
    assert document["ours_cold_s"] == 10.0
    assert document["ours_warm_s"] == 4.0
    assert document["bound_s"] == 8.0
    assert document["speedup"] == 30.0
    assert document["over_bound"] == 1.25
    assert document["peak_anonymous_mb"] == {"plain": 1000.0, "ours": 1200.0}
    assert document["peak_anonymous_ratio"] == pytest.approx(1.2)
    assert document["real_sweep_speedup"] == (5 * 1.0 + 20 * 2.0) / 9.0
    assert document["machine"]["cores"] >= 1
    assert {"date", "versions", "data", "how", "images_per_s", "bytes_on_disk"} <= document.keys()


def _answer(
    name: str, request: Mapping[str, Any], *, home: Path | None = None
) -> Mapping[str, Any]:
    """Answer as a part would whose seconds are known."""
    if name == "plain":
        assert Path(request["data"]).is_file()
        return {
            "plain_s": 300.0,
            "plain_train_only_s": 200.0,
            "shifted_set_s": 1.0,
            "timed": [{}] * 4,
            "peak_anonymous_mb": 1000.0,
            "bound_s": 8.0,
            "images_per_s": {},
        }
    if name == "kinds":
        assert request["kinds"] == [asdict(HEAD)]
        return {"costs": [{"kind": asdict(HEAD), "setup_s": 1.0, "epoch_s": 2.0}]}
    assert home is not None
    check_sweep(request["sweep"])
    seconds = {"cold": 10.0, "warm": 4.0, "real": 9.0}[request["sweep"]["sweep"]]
    return {
        "seconds": seconds,
        "trials": {"done": 12},
        "peak_anonymous_mb": 1200.0,
        "breakdown_s": {},
        "bytes_on_disk": {},
        "work": [asdict(Work(0, HEAD, 5, 20))],
    }


@pytest.mark.slow
def test_the_plain_loop_trains_a_fold_and_times_each_of_its_epochs() -> None:
    loop = PlainLoop(generate_cells(32, 16), 2)
    params = TrialParams(
        backbone="small_cnn",
        policy="flip",
        dense_units=8,
        optimizer="lion",
        loss="focal",
        class_weights="balanced",
        schedule="cosine",
        clip_norm=1.0,
        batch_size=8,
    )
    timing = loop.fit_fold(params, 0, 2)
    assert len(timing.epochs_s) == len(timing.validations_s) == 2
    assert (timing.trained_images, timing.validated_images) == (16, 32)
    assert sum(timing.epochs_s) <= timing.total_s
    assert 0 < timing.validation_s < timing.total_s


def test_a_sample_keeps_the_classes_in_proportion() -> None:
    labels = np.repeat([0, 1, 2], [100, 200, 300])
    images = np.zeros((600, 1, 1, 3), np.uint8)
    counts = np.bincount(Cells(images, labels, "test").sample(60).labels)
    np.testing.assert_allclose(counts, [10, 20, 30], atol=1)


def test_memory_that_is_allocated_for_a_moment_shows_in_the_peak() -> None:
    with AnonymousMemory() as memory:
        before_mb = memory.peak_mb
        filled = np.ones(200 * 10**6, np.uint8)
        time.sleep(0.5)
        del filled
    assert memory.peak_mb >= before_mb + 150


class _Worker:
    def work(self, times: int) -> int:
        return 2 * times


def test_watched_functions_are_counted_and_given_back_as_they_were() -> None:
    original = _Worker.work
    with Stopwatch().watching([(_Worker, "work", "working")]) as watch:
        assert _Worker().work(4) == 8
    assert _Worker.work is original
    assert len(watch.calls["working"]) == 1
    assert watch.wall_s["working"] > 0
