"""What a run says of its candidates, from scores that were made by hand."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from bench.score.candidates import Candidate, Part
from bench.score.document import VIEWS, score_document
from bench.score.measured import Measured
from objectives.evaluation.bootstrap import draw_resamples, replicate

Row = tuple[Part, str, int, float, float]
"""Part, form, seed, seconds and score."""
N_IMAGES = 1000
LABELS = np.zeros(N_IMAGES, dtype=np.int64)
RESAMPLES = draw_resamples(np.arange(N_IMAGES), seed=0)
PLAIN: list[Row] = [
    ("plain", "folds", 0, 400.0, 0.60),
    ("plain", "folds", 0, 900.0, 0.70),
    ("plain", "refit", 0, 1000.0, 0.65),
]


def test_the_ratio_is_of_the_times_at_which_the_plain_loops_best_end_was_reached() -> None:
    sweep: list[Row] = [
        ("sweep", "single", 0, 50.0, 0.69),
        ("sweep", "auto", 0, 90.0, 0.72),
        ("sweep", "auto", 0, 1200.0, 0.80),
    ]
    found = score_document(_measured(*PLAIN, *sweep))
    assert found["plain_robust"] == pytest.approx(0.70)
    assert found["plain_s"] == 900.0
    assert found["ours_s"] == [90.0]
    assert found["time_ratio"] == pytest.approx(0.1)


def test_of_several_seeds_the_slowest_makes_the_ratio() -> None:
    sweeps: list[Row] = [("sweep", "auto", 0, 90.0, 0.72), ("sweep", "auto", 1, 450.0, 0.71)]
    found = score_document(_measured(*PLAIN, *sweeps))
    assert found["ours_s"] == [90.0, 450.0]
    assert found["time_ratio"] == pytest.approx(0.5)


def test_there_is_no_ratio_where_a_seed_never_got_there() -> None:
    sweeps: list[Row] = [("sweep", "auto", 0, 90.0, 0.72), ("sweep", "auto", 1, 450.0, 0.60)]
    found = score_document(_measured(*PLAIN, *sweeps))
    assert found["ours_s"] == [90.0, None]
    assert found["time_ratio"] is None


def test_the_paired_difference_is_that_of_the_last_sweeps_and_as_wide_as_theory_says() -> None:
    searches: list[Row] = [
        ("sweep", "auto", 0, 60.0, 0.10),
        ("sweep", "auto", 0, 1200.0, 0.80),
        ("fixed", "heads", 0, 100.0, 0.75),
    ]
    difference = score_document(_measured(*searches))["sweep_minus_fixed"]["robust"]
    assert difference["score"] == pytest.approx(0.05)
    # The right answers of the one are among those of the other: 50 of 1,000 images differ, by one.
    half_width = norm.ppf(0.975) * np.sqrt(0.05 * 0.95 / N_IMAGES)
    assert difference["low"] == pytest.approx(0.05 - half_width, abs=0.003)
    assert difference["high"] == pytest.approx(0.05 + half_width, abs=0.003)


def test_seeds_are_averaged_at_the_minutes_that_all_of_them_have_and_at_the_end() -> None:
    sweeps: list[Row] = [
        ("sweep", "auto", 0, 60.0, 0.5),
        ("sweep", "single", 0, 60.0, 0.1),
        ("sweep", "auto", 0, 120.0, 0.6),
        ("sweep", "auto", 1, 60.0, 0.7),
        ("sweep", "auto", 1, 90.0, 0.75),
        ("sweep", "auto", 1, 130.0, 0.8),
    ]
    means = score_document(_measured(*sweeps))["sweep_mean_of_seeds"]
    assert [(one["minute"], one["seeds"]) for one in means] == [(1.0, 2), ("end", 2)]
    assert [one["robust"]["score"] for one in means] == pytest.approx([0.6, 0.7])


def test_a_part_that_was_left_out_leaves_its_figures_empty() -> None:
    found = score_document(_measured(("fixed", "heads", 0, 100.0, 0.75)))
    assert found["time_ratio"] is None
    assert found["sweep_minus_fixed"] is None
    assert found["sweep_mean_of_seeds"] == []
    assert found["over_time"][0]["scores"]["clean"]["score"] == 0.75


def test_a_sweeps_last_scores_are_held_against_the_intervals_of_its_own_holdout() -> None:
    intervals = {"clean": [0.7, 0.8], "shifted": [0.76, 0.8], "corrupted": [0.5, 0.7]}
    held_out = {view: {"score": 0.0, "interval": both} for view, both in intervals.items()}
    one = _one("sweep", "auto", 0, 1200.0, 0.75)
    last = replace(one, candidate=replace(one.candidate, about={"holdout": held_out}))
    assert last.as_dict()["covered"] == {"clean": True, "shifted": False, "corrupted": False}
    assert "covered" not in one.as_dict()


def _measured(*rows: Row) -> Sequence[Measured]:
    return [_one(*row) for row in rows]


def _one(part: Part, form: str, seed: int, seconds: float, score: float) -> Measured:
    right = np.arange(N_IMAGES) < round(score * N_IMAGES)
    probabilities: Any = np.stack([right, ~right], axis=1)[None].astype(np.float64)
    found = replicate(LABELS, probabilities, "accuracy", RESAMPLES)
    candidate = Candidate(part, form, seed, seconds / 60, seconds, (f"{part}-{seconds}",))
    return Measured(candidate, dict.fromkeys(VIEWS, found))
