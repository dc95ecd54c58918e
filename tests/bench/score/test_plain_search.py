"""The plain loop's search, on folds whose scores are known."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

import pytest

from bench.score.plain_fold import FittedFold, Lengths, PlainPoint, TimeIsUpError
from bench.score.plain_search import PlainSearch
from spaces.recipes import RECIPES

N_FOLDS = 2
WEIGHTS = {"mobilenet_0.25": "imagenet", "mobilenet_0.5": "imagenet"}


@dataclass
class _Model:
    def save(self, path: Path) -> None:
        Path(path).write_text("a model")


@dataclass
class _KnownFolds:
    """Folds that have these scores one after the other, until time is up."""

    scores: Iterator[float]
    points: list[PlainPoint] = field(default_factory=list)
    refitted: list[Lengths] = field(default_factory=list)

    def fit(self, point: PlainPoint, fold: int) -> FittedFold:
        self.points.append(point)
        score = next(self.scores, None)
        if score is None:
            raise TimeIsUpError
        return FittedFold(_Model(), score, Lengths(4 + 2 * fold, fold))

    def refit(self, point: PlainPoint, lengths: Lengths) -> _Model:
        self.points.append(point)
        self.refitted.append(lengths)
        time.sleep(0.01)
        return _Model()


def test_the_first_point_is_the_recipe_robust(tmp_path: Path) -> None:
    folds = _KnownFolds(iter([0.5, 0.5]))
    _search(folds, tmp_path).run()
    first = folds.points[0].params.model_dump()
    assert RECIPES["robust"].items() <= first.items()
    assert first["backbone"] in WEIGHTS


def test_each_trial_that_becomes_the_best_makes_a_candidate_of_its_folds(tmp_path: Path) -> None:
    scores = [0.5, 0.6, 0.7, 0.8, 0.7, 0.75, 0.9, 0.8, 0.95]
    found = _search(_KnownFolds(iter(scores)), tmp_path).run()
    assert [one.about["trials"] for one in found] == [[0], [1], [3]]
    assert [one.about["score"] for one in found] == pytest.approx(
        [mean(scores[:2]), mean(scores[2:4]), mean(scores[6:8])]
    )
    assert all(len(one.files) == N_FOLDS for one in found)
    assert all(Path(file).is_file() for one in found for file in one.files)
    assert [one.seconds for one in found] == sorted(one.seconds for one in found)


def test_a_trial_that_begins_below_the_others_is_given_up_after_its_first_fold(
    tmp_path: Path,
) -> None:
    search = _search(_KnownFolds(iter([0.8, 0.8, 0.5, 0.9, 0.9])), tmp_path)
    search.run()
    states = [trial["state"] for trial in search.trials()]
    # The last one has no time left.
    assert states == ["complete", "pruned", "complete", "pruned"]


def test_a_first_trial_without_time_for_all_folds_makes_no_candidate(tmp_path: Path) -> None:
    search = _search(_KnownFolds(iter([0.8])), tmp_path)
    assert search.run() == []
    assert [trial["state"] for trial in search.trials()] == ["pruned"]


def test_the_best_trial_is_refitted_for_as_long_as_its_folds_found_best(tmp_path: Path) -> None:
    folds = _KnownFolds(iter([0.5, 0.6, 0.7, 0.8, 0.7, 0.75]))
    search = _search(folds, tmp_path)
    found = search.run()
    refitted = search.refitted(found[-1])
    assert folds.points[-1] == folds.points[N_FOLDS]
    assert folds.refitted == [Lengths(round(mean([4, 6])), round(mean([0, 1])))]
    assert refitted.seconds - found[-1].seconds == pytest.approx(refitted.about["refit_s"])
    assert refitted.about["refit_s"] >= 0.01


def _search(folds: _KnownFolds, folder: Path) -> PlainSearch:
    return PlainSearch(folds, N_FOLDS, WEIGHTS, folder, time.time())
