"""A real sweep of heads on one frozen backbone, and the promotion of several of them together."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

from mlruns_config import names
from mlruns_config.registry.loading import load_classifier
from mlruns_config.registry.registry import registry
from mlruns_config.settings import TrackingSettings
from objectives.ensembles.symmetries import TURNS, turned
from search.open_sweep import OpenSweep
from search.promotion.candidate import finished_candidates
from search.promotion.lineup import choose_lineup
from search.promotion.predictions import Gathered, gather_predictions
from search.promotion.report import Promotion
from search.promotion.turning import Turner
from search.sweep import Sweep

pytestmark = pytest.mark.slow

CONFUSED = (2, 5, 6, 9)
"""Digits that a flip or half a turn makes look like each other."""
DISTINCT = (0, 1, 4, 7)
"""Digits that keep apart however they are turned."""
TURNS_OF_ALL = TURNS["square"]


def _digits(*wanted: int) -> tuple[np.ndarray, np.ndarray]:
    digits = load_digits()
    mine = np.isin(digits.target, wanted)
    grey = np.rint(digits.images[mine] * (255 / 16)).astype(np.uint8)
    images = np.repeat(np.repeat(grey, 4, axis=1), 4, axis=2)[..., None].repeat(3, axis=3)
    return images, digits.target[mine]


def _run_sweep(
    name: str, images: np.ndarray, labels: np.ndarray, folder: Path, *, metric: str, trials: int
) -> Sweep:
    """Finish some trials of heads on the tests' own backbone."""
    path = folder / f"{name}.npz"
    np.savez(path, images=images, labels=labels)
    sweep = Sweep.from_mapping(
        {
            "sweep": name,
            "data": {"path": str(path), "image_px": 32, "exclude": "none", "holdout": 0.3},
            "validation": {"folds": 3, "shift": "none", "score": "clean", "metric": metric},
            "train": {"head_epochs": 12, "finetune_epochs": 0, "views": 1, "batch_size": 32},
            "space": "tests.search.heads_space:SPACE",
            "search": {"sampler": "random", "pruner": "none", "seed": 1},
            "budget": {"trials": trials},
        }
    )
    sweep.work()
    return sweep


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("ensemble")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOLDSWEEP_HOME", str(folder / "home"))
        patch.setenv("CUDA_VISIBLE_DEVICES", "-1")
        patch.delenv("FOLDSWEEP_STORAGE_URL", raising=False)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/home/mlflow.db")
        yield folder


@pytest.fixture(scope="module")
def sweep(folder: Path) -> Sweep:
    images, labels = _digits(*CONFUSED)
    return _run_sweep("digits", images, labels, folder, metric="accuracy", trials=8)


@pytest.fixture(scope="module")
def together(sweep: Sweep) -> Promotion:
    return sweep.promote(ensemble=3)


@pytest.fixture(scope="module")
def opened(sweep: Sweep) -> OpenSweep:
    from search.joining import join

    return join(sweep.file, sweep.settings)


@pytest.fixture(scope="module")
def gathered(opened: OpenSweep) -> Gathered:
    candidates = finished_candidates(opened.slots.all(), opened.file.sweep)
    return gather_predictions(opened, candidates, lambda text: None)


def _run(sweep: Sweep, promotion: Promotion) -> Any:
    with registry(TrackingSettings.from_environment(sweep.settings.home)) as client:
        return client.get_run(promotion.run_id)


def test_several_trials_become_one_registered_model(sweep: Sweep, together: Promotion) -> None:
    """Registered means that a process without foldsweep loaded it and predicted the same."""
    document = json.loads(json.dumps(together.to_json()))
    assert document["passed"]
    assert 2 <= len(document["trials"]) <= 3
    assert document["trials"] == [member["trial"] for member in document["members"]]
    assert sum(member["weight"] for member in document["members"]) == pytest.approx(1)
    assert document["choice"]["comparisons"][0]["form"] == "ensemble"
    data = _run(sweep, together).data
    assert json.loads(data.tags[names.TAG_MEMBERS]).keys() == set(map(str, document["trials"]))
    for trial in document["trials"]:
        assert f"refit/trial_{trial}/head_loss" in data.metrics


def test_the_registered_ensemble_scores_what_was_reported_in_one_forward_pass(
    sweep: Sweep, opened: OpenSweep, together: Promotion
) -> None:
    classifier = load_classifier(opened.tracking, "models:/digits@champion")
    rows = opened.prepared.splits.holdout_rows
    images, labels = opened.prepared.data.images[rows], opened.prepared.data.labels[rows]
    right = classifier.predict(np.asarray(images)).argmax(axis=1) == labels
    assert right.mean() == pytest.approx(together.holdout.clean.score)
    graph = tf.function(classifier.model).get_concrete_function(
        tf.TensorSpec((None, 32, 32, 3), tf.uint8)
    )
    kinds = [operation.type for operation in graph.graph.get_operations()]
    assert kinds.count("Conv2D") == 2


def test_calibration_and_latency_stand_in_the_promotions_run(
    sweep: Sweep, together: Promotion
) -> None:
    metrics = _run(sweep, together).data.metrics
    for rows in ("oof", "holdout"):
        before, after = (metrics[f"calibration/{rows}_log_loss_{w}"] for w in ("before", "after"))
        assert 0 < after < before + 0.05
    assert metrics["choice/ensemble_score"] == pytest.approx(together.lineup.choice.score)  # type: ignore[union-attr]
    for size in (1, 32):
        assert metrics[f"latency/registered_batch_{size}_ms"] > 0
        assert metrics[f"latency/single_batch_{size}_ms"] > 0


def test_the_members_and_their_parameters_are_kept_with_the_run(
    sweep: Sweep, opened: OpenSweep, together: Promotion, tmp_path: Path
) -> None:
    with registry(opened.tracking) as client:
        path = client.download_artifacts(together.run_id, "members.json", str(tmp_path))
    document = json.loads(Path(path).read_text())
    params = {record.trial: record.params for record in sweep.trial_records()}
    for member in document["members"]:
        assert member["params"]["learning_rate"] == params[member["trial"]]["learning_rate"]
    shared = _run(sweep, together).data.params
    assert shared["backbone"] == "tests.objectives.tiny_backbone:tiny_backbone"
    assert "learning_rate" not in shared


def test_digits_that_a_turn_confuses_are_not_turned(together: Promotion) -> None:
    assert together.lineup.choice is not None
    symmetries = together.lineup.choice.comparisons[-1]
    assert (symmetries.form, symmetries.is_taken) == ("symmetries", False)
    assert {member.symmetry for member in together.lineup.members} == {"none"}


def test_images_that_lie_in_any_direction_are_turned_inside_of_the_model(folder: Path) -> None:
    images, labels = _digits(*DISTINCT)
    lies = np.random.default_rng(0).integers(0, 8, len(images))
    lying = [turned(im[None], TURNS_OF_ALL[turn])[0] for im, turn in zip(images, lies, strict=True)]
    sweep = _run_sweep("lying", np.stack(lying), labels, folder, metric="log_loss", trials=2)
    promotion = sweep.promote()
    assert promotion.passed
    (member,) = promotion.lineup.members
    assert member.symmetry == "square"
    classifier = load_classifier(
        TrackingSettings.from_environment(sweep.settings.home), "models:/lying@champion"
    )
    upright = classifier.predict(images[:8])
    for turn in TURNS_OF_ALL:
        shown = np.ascontiguousarray(turned(images[:8], turn))
        np.testing.assert_allclose(classifier.predict(shown), upright, atol=1e-4)


def test_turned_members_answer_over_symmetries_and_the_others_as_they_are(
    opened: OpenSweep, gathered: Gathered
) -> None:
    turner = Turner(opened, gathered, lambda text: None)
    tables = turner({0, 2})
    assert set(tables) == {"mirror", "flips", "square"}
    assert turner.turned == {0, 2}
    for table in tables.values():
        assert table.members[1] is gathered.table.members[1]
        assert table.members[0].shape == gathered.table.members[0].shape
        assert np.abs(table.members[0] - gathered.table.members[0]).max() > 0.01


def test_fine_tuned_trials_and_those_without_heads_are_not_turned(
    opened: OpenSweep, gathered: Gathered
) -> None:
    first, second, *others = gathered.candidates
    finetuned = replace(first, epochs={"head": 2, "finetune": 1})
    bare = replace(second, slot=replace(second.slot, trial=99, run_id=None))
    without = replace(gathered, candidates=(finetuned, bare, *others))
    turner = Turner(opened, without, lambda text: None)
    assert turner({0, 1}) == {}
    assert turner.turned == set()


def test_a_trial_that_is_named_is_promoted_alone_as_it_was_scored(
    sweep: Sweep, opened: OpenSweep
) -> None:
    worst = min(sweep.trial_records(), key=lambda record: record.score or 0)
    found = choose_lineup(
        opened,
        slots=opened.slots.all(),
        trial=worst.trial,
        size="auto",
        on_progress=lambda text: None,
    )
    assert found.trials == (worst.trial,)
    assert found.choice is not None
    assert found.choice.single_score == pytest.approx(worst.score, abs=0.02)
