"""Whole trials on small images: shared, fine-tuned, stopped, repeated, with a full disk."""

import shutil
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from objectives.evaluation.epoch_predictions import FILE, EpochPredictions
from objectives.networks.serving import ServedMember, TrainedNetwork, servable_model
from objectives.records import (
    LabelledImages,
    Stage,
    TrialContext,
    View,
)
from objectives.refit import refit
from objectives.settings import TrainSettings
from objectives.sharing import SharingCounts
from objectives.training.head_stage import HeadTrainer
from objectives.trial import train_trial
from objectives.trial_inputs import TrialInputs
from spaces.default_space import SMALL
from spaces.errors import DiskFullError, TrialError
from spaces.params import TrialParams
from tests.objectives.full_disk import largest_file_bytes
from tests.objectives.small_trials import (
    N_CLASSES,
    N_FOLDS,
    N_ROWS,
    PX,
    RecordingReporter,
    assert_same,
    second_phase,
    sharing_of,
    small_context,
    small_params,
)

pytestmark = pytest.mark.slow

POLICIES = [str(c) for d in SMALL.dimensions if d.name == "policy" for c in d.choices]


def test_a_trial_goes_through_both_phases_and_each_scores_every_row(tmp_path: Path) -> None:
    reporter = RecordingReporter()
    context = small_context(tmp_path, reporter)
    first = train_trial(small_params(), context)
    assert reporter.stages == [("head", 0), ("head", 1), ("head", 2)]
    second = train_trial(small_params(), second_phase(first, context))
    # One fold to the end, one more, and the last one beside them.
    assert reporter.stages[3:] == [("finetune", 0), ("finetune", 1)] * 3
    together = reporter.heard[:3] + reporter.heard[-2:]
    assert all(values.keys() == set(range(N_FOLDS)) for _, _, values in together)
    assert not second.goes_on
    for result, stage in ((first, "head"), (second, "finetune")):
        assert result.oof_shifted is not None
        for oof in (result.oof_clean, result.oof_shifted):
            np.testing.assert_allclose(oof.sum(axis=1), 1.0, atol=1e-5)
        assert result.score == pytest.approx(np.mean(result.fold_scores))
        assert result.epochs.keys() == result.stage_s.keys() == {stage}
        assert all(path.stat().st_size > 0 for path in result.artifacts)
        assert result.summaries["clean"].accuracy == result.clean
        assert result.summaries["shifted"].accuracy == result.shifted


def test_where_the_heads_files_do_not_lie_fine_tuning_trains_the_same_heads_again(
    tmp_path: Path,
) -> None:
    context = small_context(tmp_path)
    first = train_trial(small_params(), context)
    second = second_phase(first, context)
    expected = train_trial(small_params(), second)
    shutil.rmtree(context.checkpoint_folder)
    reporter = RecordingReporter()
    found = train_trial(small_params(), replace(second, reporter=reporter))
    assert_same(found, expected)
    assert {stage for stage, _ in reporter.stages} == {"finetune"}
    # Not those that a network begins with at random.
    none = TrainSettings(head_epochs=0, finetune_epochs=2, patience=0)
    assert train_trial(small_params(), replace(second, train=none)).score != expected.score


def test_fine_tuning_is_given_up_after_one_fold_if_the_best_network_is_out_of_reach(
    tmp_path: Path,
) -> None:
    context = small_context(tmp_path)
    first = train_trial(small_params(), context)
    second = second_phase(first, context)
    perfect = np.eye(N_CLASSES, dtype=np.float16)[context.data.labels]
    views: dict[View, np.ndarray] = {"clean": np.stack([perfect] * 2)}
    EpochPredictions({**views, "shifted": views["clean"]}).save(tmp_path / "best" / FILE)
    reporter = RecordingReporter()
    raced = replace(second, incumbent=tmp_path / "best", reporter=reporter)
    result = train_trial(small_params(finetune_learning_rate=1e-9), raced)
    assert [sorted(values) for _, _, values in reporter.heard] == [[0], [0]]
    assert (result.stopped, result.goes_on, result.fold_scores) == (True, False, ())
    assert result.artifacts == ()
    assert np.isfinite(result.score)
    # Without files of the best one there is no race, and its own are left for the next.
    alone = train_trial(small_params(), replace(second, incumbent=tmp_path / "none"))
    left = next(path for path in alone.artifacts if path.name == FILE)
    found = EpochPredictions.load(left).views["clean"]
    assert found.shape == (2, N_ROWS, N_CLASSES)


@pytest.mark.parametrize(
    ("others", "train"),
    [
        ({"weights": "none"}, {"head_epochs": 1, "finetune_epochs": 1}),
        ({}, {"head_epochs": 1, "finetune_epochs": 0}),
        ({}, {"head_epochs": 0, "finetune_epochs": 1}),
    ],
    ids=["from scratch", "heads alone", "fine-tuning alone"],
)
def test_where_one_stage_is_all_no_second_phase_follows(
    others: dict[str, object], train: dict[str, int], tmp_path: Path
) -> None:
    context = replace(small_context(tmp_path), train=TrainSettings.model_validate(train))
    assert not train_trial(small_params(**others), context).goes_on


def test_a_second_trial_of_the_pair_makes_nothing_and_repeats_to_the_same_score(
    tmp_path: Path,
) -> None:
    first = train_trial(small_params(), small_context(tmp_path))
    again = train_trial(small_params(), small_context(tmp_path))
    assert_same(first, again)
    # Pooled: three epochs, clean, shifted.
    assert sharing_of(first).features.made == 5
    assert sharing_of(again).features.made == 0
    assert sharing_of(again).views.made == 0
    other_head = train_trial(small_params(optimizer="lion"), small_context(tmp_path))
    assert sharing_of(other_head).features.made == 0


def test_whoever_watches_a_trial_hears_what_it_makes_and_shares(tmp_path: Path) -> None:
    heard: list[SharingCounts] = []
    made: list[str] = []

    def watch(counts: SharingCounts) -> None:
        note_making = counts.note_making

        def noted(what: str) -> AbstractContextManager[None]:
            made.append(what)
            return note_making(what)

        counts.note_making = noted  # type: ignore[method-assign,assignment]
        heard.append(counts)

    result = train_trial(small_params(), replace(small_context(tmp_path), on_sharing=watch))
    (counts,) = heard
    assert counts.so_far() == result.sharing
    assert counts.making is None
    features = [what for what in made if what.startswith("features of ")]
    assert len(features) == sharing_of(result).features.made
    assert sum(what.endswith(": images as they are") for what in features) == 1
    assert len(made) - len(features) == sharing_of(result).views.made


def test_a_store_without_room_changes_no_score(tmp_path: Path) -> None:
    kept = train_trial(small_params(), small_context(tmp_path / "kept"))
    full = train_trial(
        small_params(), replace(small_context(tmp_path / "full"), max_store_bytes=10_000)
    )
    assert_same(kept, full)
    assert sharing_of(full).features.streamed > 0


def test_a_full_disk_gives_the_trial_back_and_leaves_no_half_of_a_file(tmp_path: Path) -> None:
    context = small_context(tmp_path)
    with largest_file_bytes(100), pytest.raises(DiskFullError, match=r"trial.* is written"):
        train_trial(small_params(), context)
    assert list(context.checkpoint_folder.iterdir()) == []


def test_neither_disk_nor_memory_for_features_changes_no_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = train_trial(small_params(), small_context(tmp_path / "kept"))
    monkeypatch.setattr("objectives.networks.features.MEMORY_SHARE", 0.0)
    monkeypatch.setattr("objectives.views.views._MEMORY_SHARE_OF_UNSTORED", 0.0)
    full = train_trial(
        small_params(), replace(small_context(tmp_path / "full"), max_store_bytes=10_000)
    )
    np.testing.assert_allclose(kept.oof_clean, full.oof_clean, atol=1e-3)


@pytest.mark.parametrize("policy", POLICIES)
def test_no_noise_in_a_fold_reaches_the_model_that_is_validated_on_it(
    tmp_path: Path, policy: str
) -> None:
    """Under every policy of the spaces, those that mix images included; class weights on."""
    noisy_fold = 1
    params = small_params(policy=policy, class_weights="balanced", learning_rate=0.001)
    context = small_context(tmp_path)
    heads = []
    for version in (context.data, _with_noise(context, noisy_fold)):
        train = TrainSettings(head_epochs=2, finetune_epochs=0, patience=0)
        inputs = TrialInputs.of_folds(params, replace(context, data=version, train=train))
        clean, shifted = inputs.validation_features()
        trainer = HeadTrainer(
            params, inputs.plan, inputs.features_of_epoch, clean, shifted, n_epochs=2, seed=0
        )
        for epoch in range(2):
            trainer.advance(epoch)
        for fold in range(N_FOLDS):
            trainer.remember(fold)
        heads.append(trainer.best_heads())
    for ours, theirs in zip(heads[0][noisy_fold], heads[1][noisy_fold], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert np.abs(heads[0][0][2] - heads[1][0][2]).max() > 1e-5


def _with_noise(context: TrialContext, fold: int) -> LabelledImages:
    data, noisy = context.data, context.splits.fold_of == fold
    generator = np.random.default_rng(9)
    images, labels = data.images.copy(), data.labels.copy()
    images[noisy] = generator.integers(0, 256, images[noisy].shape, dtype=np.uint8)
    labels[noisy] = generator.integers(0, N_CLASSES, noisy.sum())
    return replace(data, images=images, labels=labels, fingerprint="noise")


def test_a_trial_that_the_reporter_ends_keeps_the_scores_of_its_epochs(tmp_path: Path) -> None:
    result = train_trial(small_params(), small_context(tmp_path, RecordingReporter(stop_after=2)))
    assert result.stopped
    assert not result.goes_on
    assert len(result.curves["stage"]) == 2
    assert np.isfinite(result.score)


def test_a_network_from_scratch_trains_whole_and_learns(tmp_path: Path) -> None:
    reporter = RecordingReporter()
    params = TrialParams(backbone="small_cnn", batch_size=16, learning_rate=0.003)
    result = train_trial(params, small_context(tmp_path, reporter))
    assert {stage for stage, _, _ in reporter.heard} == {"scratch"}
    assert len(reporter.heard) == 5
    assert result.clean > 0.6


def test_a_loss_that_is_not_a_number_ends_the_trial_with_the_reason(tmp_path: Path) -> None:
    params = small_params(optimizer="sgd", learning_rate=1e30)
    with pytest.raises(
        TrialError, match=r"the loss of fold . in epoch . of head is not a number \((nan|inf)\)"
    ):
        train_trial(params, small_context(tmp_path))


def _served(network: TrainedNetwork) -> keras.Model:
    return servable_model([ServedMember(network)], PX)


def test_refits_on_a_frozen_backbone_share_its_trunk_and_fine_tuned_ones_do_not(
    tmp_path: Path,
) -> None:
    context = small_context(tmp_path)
    lengths: list[dict[Stage, int]] = [{"head": 1}, {"head": 2}, {"head": 1, "finetune": 1}]
    keys = [refit(small_params(), epochs, context).trunk_key for epochs in lengths]
    assert keys[0] == keys[1] is not None
    assert keys[2] is None


def test_a_refit_gives_a_plain_model_that_repeats(tmp_path: Path) -> None:
    context = small_context(tmp_path)
    epochs: dict[Stage, int] = {"head": 2, "finetune": 1}
    images = np.random.default_rng(1).integers(0, 256, (4, 50, 40, 3), dtype=np.uint8)
    model = _served(refit(small_params(), epochs, context))
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.models.load_model(path)
    first = np.asarray(model(images))
    np.testing.assert_allclose(np.asarray(loaded(images)), first, atol=1e-6)
    again = np.asarray(_served(refit(small_params(), epochs, context))(images))
    np.testing.assert_allclose(again, first, atol=1e-6)
    red = np.full((1, PX, PX, 3), (200, 40, 40), dtype=np.uint8)
    assert np.asarray(model(red)).shape == (1, N_CLASSES)


def test_each_row_takes_every_path_of_a_policy_once_while_an_index_lasts(tmp_path: Path) -> None:
    params = small_params(policy="none|randaugment@low|randaugment@low")
    inputs = TrialInputs.of_folds(params, small_context(tmp_path))
    base = inputs.context.data.images[inputs.context.splits.rows]
    seen = [np.asarray(inputs.images_of_epoch(epoch)[0][:]) for epoch in range(3)]
    untouched = np.array([(images == base).all(axis=(1, 2, 3)) for images in seen])
    assert np.all(untouched.sum(axis=0) >= 1)
    assert 0.2 < untouched.mean() < 0.5
    assert not np.array_equal(seen[1][2], seen[2][2]), "two draws of one path are two"


def test_paths_share_their_views_with_the_policy_that_is_one_of_them(tmp_path: Path) -> None:
    several = small_params(policy="none|randaugment", strength="low")
    train_trial(several, small_context(tmp_path))
    alone = train_trial(small_params(), small_context(tmp_path))
    # Three epochs of two paths: views 0 and 1 of the augmented one are there already.
    assert sharing_of(alone).features.reused >= 2 + 2
