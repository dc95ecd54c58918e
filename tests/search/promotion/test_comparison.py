"""Two versions on the same images: the figures are the gate's, and the images are told apart."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from objectives.evaluation.holdout import HoldoutPredictions
from objectives.settings import Metric, ScoreKind
from search.promotion.comparison import Comparison, compare_pair
from search.promotion.gate import decide
from search.promotion.kept_answers import (
    AnswersAbout,
    HeldOutImages,
    KeptAnswers,
    read_answers,
    save_answers,
)
from search.promotion.pairing import NothingKeptError, Pair, join_answers
from spaces.errors import InputError

CLASSES = ("a", "b", "c")
N_IMAGES = 60


def _about(metric: Metric = "accuracy", score: ScoreKind = "robust") -> AnswersAbout:
    return AnswersAbout(
        sweep="cells",
        fingerprint="f" * 64,
        model="cells",
        champion=None,
        metric=metric,
        score=score,
        seed=3,
    )


def _images(first: int = 0, n_images: int = N_IMAGES) -> HeldOutImages:
    rows = np.arange(first, first + n_images)
    return HeldOutImages(
        content_ids=rows.astype(np.uint64) * 7,
        rows=rows,
        names=np.asarray([f"cells/{row}.png" for row in rows]),
        labels=rows % len(CLASSES),
        groups=rows // 2,
    )


def _answers(
    images: HeldOutImages, seed: int, skill: float = 1.0, shown: str = "shift"
) -> HoldoutPredictions:
    rng = np.random.default_rng(seed)

    def view(n_views: int) -> np.ndarray:
        logits = rng.normal(size=(n_views, len(images.rows), len(CLASSES)))
        logits[:, np.arange(len(images.rows)), images.labels] += skill
        odds = np.exp(logits)
        return np.asarray(odds / odds.sum(axis=-1, keepdims=True), np.float32)

    digests = {"clean": "clean", "shifted": shown, "corrupted": f"{shown} corrupted"}
    return HoldoutPredictions(view(1), view(1), view(3), ("x", "y", "z"), digests)  # type: ignore[arg-type]


def _kept(
    seed: int, images: HeldOutImages | None = None, *, shown: str = "shift", skill: float = 1.0
) -> KeptAnswers:
    images = images or _images()
    answers = _answers(images, seed, skill, shown)
    return KeptAnswers(_about(), images, CLASSES, answers, None)


def _compared(metric: Metric, score: ScoreKind) -> tuple[Pair, Comparison]:
    kept = [replace(_kept(seed), about=_about(metric, score)) for seed in (1, 2)]
    pair = join_answers(*kept)
    return pair, compare_pair(pair)


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "macro_f1", "log_loss"])
@pytest.mark.parametrize("score", ["robust", "clean", "shifted"])
def test_the_difference_and_its_interval_are_those_of_the_gate(
    metric: Metric, score: ScoreKind
) -> None:
    pair, found = _compared(metric, score)
    answers = [_answers(pair.images, seed).selected(score) for seed in (1, 2)]
    decision = decide(
        pair.images.labels, answers[1], answers[0], metric=metric, groups=pair.images.groups, seed=3
    )
    assert found.score is not None
    assert found.score.difference.score == pytest.approx(decision.difference)
    assert (found.score.difference.low, found.score.difference.high) == decision.interval
    assert found.score.second.score == decision.score
    assert found.score.first.score == decision.rival_score
    assert found.would_pass == decision.passed


def test_every_view_is_compared_and_groups_are_counted() -> None:
    _, found = _compared("accuracy", "robust")
    assert found.views.keys() == {"clean", "shifted", "corrupted"}
    assert (found.images, found.groups) == (N_IMAGES, N_IMAGES // 2)


def test_a_surely_better_version_is_called_so_and_the_other_way_round() -> None:
    weak, strong = _kept(1, skill=0.0), _kept(2, skill=4.0)
    assert compare_pair(join_answers(weak, strong)).verdict == "better"
    assert compare_pair(join_answers(strong, weak)).verdict == "worse"
    assert compare_pair(join_answers(weak, weak)).verdict == "undecided"


def test_images_that_changed_are_mended_broken_or_another_mistake() -> None:
    images = _images(n_images=4)  # Of the classes a, b, c, a.
    said = {"first": [0, 0, 0, 0], "second": [1, 1, 1, 0]}
    answers = {
        whose: np.eye(3, dtype=np.float32)[labels][None] * 0.7 + 0.1
        for whose, labels in said.items()
    }
    pair = Pair(
        _about(score="clean"),
        images,
        CLASSES,
        {"clean": answers["first"]},
        {"clean": answers["second"]},
        has_shift=False,
    )
    found = compare_pair(pair)
    told = [(each.name, each.label, each.second.label, each.change) for each in found.changed]
    assert told == [
        ("cells/0.png", "a", "b", "broken"),
        ("cells/1.png", "b", "b", "mended"),
        ("cells/2.png", "c", "b", "other mistake"),
    ]
    assert found.changed[0].first.probability == pytest.approx(0.8)
    document = found.to_json()
    assert document["counts"] == {"broken": 1, "mended": 1, "other mistake": 1}
    assert document["changed"][0]["second"] == {"label": "b", "probability": pytest.approx(0.8)}


def test_only_images_that_both_were_asked_about_count_and_views_that_were_shown_alike() -> None:
    first, second = _kept(1, _images(0)), _kept(2, _images(20))
    pair = join_answers(first, second)
    assert pair.images.rows.tolist() == list(range(20, 60))
    np.testing.assert_array_equal(pair.first["clean"], first.challenger.clean[:, 20:])
    np.testing.assert_array_equal(pair.second["clean"], second.challenger.clean[:, :40])
    assert pair.first.keys() == pair.second.keys() == {"clean"}
    found = compare_pair(pair)
    assert found.score is None
    assert found.decisive is found.views["clean"]


def test_another_draw_of_the_shift_is_not_compared() -> None:
    pair = join_answers(_kept(1), _kept(2, shown="another shift"))
    assert pair.first.keys() == {"clean"}
    assert compare_pair(pair).score is None


def test_images_of_one_group_by_either_sweep_are_resampled_together() -> None:
    # By the first, pairs; by the second, image 1 belongs to image 2: one chain of four.
    second = replace(_images(n_images=6), groups=np.array([5, 8, 8, 9, 10, 11]))
    first = replace(_images(n_images=6), groups=np.array([0, 0, 1, 1, 2, 3]))
    pair = join_answers(_kept(1, first), _kept(2, second))
    groups = pair.images.groups
    assert len(set(groups[:4].tolist())) == 1
    assert len(set(groups.tolist())) == 3


def test_versions_that_share_no_image_or_no_classes_are_not_compared() -> None:
    with pytest.raises(NothingKeptError, match="none of them the same"):
        join_answers(_kept(1, _images(0)), _kept(2, _images(500)))
    other = replace(_kept(2), class_names=("a", "b", "d"))
    with pytest.raises(InputError, match=r"first are a, b, c, those of the second a, b, d"):
        join_answers(_kept(1), other)


def test_kept_answers_are_read_as_they_were_written(tmp_path: Path) -> None:
    images = _images()
    kept = replace(
        _kept(1, images),
        about=_about().model_copy(update={"champion": 4}),
        champion=replace(_answers(images, 2), shifted=None),
    )
    found = read_answers(save_answers(kept, tmp_path / "answers.npz"), "what it answered")
    assert (found.about, found.class_names) == (kept.about, CLASSES)
    for name, values in vars(images).items():
        np.testing.assert_array_equal(vars(found.images)[name], values)
    assert found.champion is not None
    assert kept.champion is not None
    assert found.champion.shifted is None
    assert found.challenger.shown == kept.challenger.shown
    assert found.challenger.corruption_names == ("x", "y", "z")
    np.testing.assert_array_equal(found.champion.corrupted, kept.champion.corrupted)
    selected = found.challenger.selected("shifted"), kept.challenger.selected("shifted")
    np.testing.assert_array_equal(*selected)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"labels": np.zeros(3, np.int64)}, "not of the same images"),
        ({"labels": np.full(N_IMAGES, 9)}, "labels of no class"),
        ({"challenger_clean": np.zeros((1, 4, 3), np.float32)}, "challenger_clean has shape"),
        ({"challenger_clean": None}, "no answers of a challenger"),
        ({"groups": None}, "groups"),
        ({"about": np.asarray("{}")}, "validation error"),
        ({"shown": np.asarray("[")}, "cannot be read"),
        ({"names": np.asarray([{}] * N_IMAGES, dtype=object)}, "pickled"),
    ],
)
def test_a_damaged_file_of_answers_is_wrong_input(
    changes: dict[str, np.ndarray | None], says: str, tmp_path: Path
) -> None:
    path = save_answers(_kept(1), tmp_path / "answers.npz")
    with np.load(path) as content:
        arrays = {name: content[name] for name in content.files} | changes
    left: dict[str, Any] = {name: array for name, array in arrays.items() if array is not None}
    np.savez(path, **left)
    with pytest.raises(InputError, match=says) as caught:
        read_answers(path, "what models:/cells/1 answered")
    assert str(caught.value).startswith("what models:/cells/1 answered cannot be read: ")


def test_what_is_no_archive_is_wrong_input(tmp_path: Path) -> None:
    path = tmp_path / "answers.npz"
    path.write_text("hello")
    with pytest.raises(InputError, match="cannot be read"):
        read_answers(path, "what it answered")
