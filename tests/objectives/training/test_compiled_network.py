"""Networks that are kept from trial to trial: which, with what results, and at what memory."""

import gc

import numpy as np
import psutil
import pytest

from objectives.training.compiled_network import (
    FORM,
    KEPT_NETWORKS,
    CompiledNetwork,
    kept_network,
    stage_network,
)
from objectives.training.head_stage import FoldPlan
from objectives.training.network_stage import NetworkTrainer
from spaces.params import TrialParams

N_ROWS, PX, N_CLASSES, N_FOLDS = 24, 16, 3, 2
POINT = {
    "backbone": "tests.objectives.tiny_backbone:tiny_backbone",
    "weights": "imagenet",
    "features": "last",
    "finetune_fraction": 1.0,
    "dense_units": 4,
    "batch_size": 8,
}
OTHER_NUMBERS = {
    "policy": "flip",
    "strength": "high",
    "dropout": 0.3,
    "learning_rate": 0.3,
    "weight_decay": 0.1,
    "momentum": 0.5,
    "nesterov": False,
    "clip_norm": 0.1,
    "loss": "focal",
    "label_smoothing": 0.1,
    "focal_gamma": 3.0,
    "focal_alpha": "balanced",
    "class_weights": "none",
    "schedule": "cosine",
    "warmup_fraction": 0.3,
    "batch_size": 4,
}
OTHER_FORM = {
    "backbone": "small_cnn",
    "weights": "none",
    "features": "deep",
    "dense_units": 5,
    "optimizer": "lion",
    "finetune_fraction": 0.5,
}


def _params(**others: object) -> TrialParams:
    return TrialParams.model_validate({**POINT, **others})


def _kept(params: TrialParams) -> CompiledNetwork:
    return kept_network(params, "finetune", image_px=PX, n_classes=N_CLASSES, seed=7)


def _fresh(params: TrialParams) -> CompiledNetwork:
    network = stage_network(params, "finetune", image_px=PX, n_classes=N_CLASSES, seed=7)
    return CompiledNetwork(network, params.optimizer)


def _train(params: TrialParams, compiled: CompiledNetwork) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (N_ROWS, PX, PX, 3), dtype=np.uint8)
    labels = np.eye(N_CLASSES, dtype=np.float32)[np.arange(N_ROWS) % N_CLASSES]
    weights = np.ones((N_FOLDS, N_CLASSES), np.float32)
    plan = FoldPlan(np.arange(N_ROWS) // 2 % N_FOLDS, N_FOLDS, weights, weights)
    trainer = NetworkTrainer(
        params,
        compiled,
        plan,
        lambda epoch: (images, labels),
        images,
        images[::-1],
        n_epochs=2,
        seed=1,
        learning_rate=params.learning_rate,
        heads={0: [weight + 0.1 for weight in _head_weights(compiled)]},
    )
    for epoch in range(2):
        outcomes = trainer.advance(epoch)
    shifted = [outcome.shifted for outcome in outcomes.values() if outcome.shifted is not None]
    return [outcome.clean for outcome in outcomes.values()] + shifted


def _head_weights(compiled: CompiledNetwork) -> list[np.ndarray]:
    compiled.put(compiled.fresh(None))
    return [w for layer in compiled.whole.head_layers for w in layer.get_weights()]


def test_every_parameter_is_either_a_number_or_of_the_form() -> None:
    stage_s_own = {"finetune_lr_factor", "finetune_learning_rate"}
    assert TrialParams.model_fields.keys() - stage_s_own == OTHER_NUMBERS.keys() | FORM
    assert OTHER_FORM.keys() == FORM
    assert not OTHER_NUMBERS.keys() & FORM


def test_a_trial_that_differs_in_numbers_alone_gets_the_network_that_is_there() -> None:
    first = _kept(_params())
    assert _kept(_params(**OTHER_NUMBERS)) is first


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(OTHER_FORM))
def test_a_trial_of_another_form_gets_another_network(name: str) -> None:
    assert _kept(_params(**{name: OTHER_FORM[name]})) is not _kept(_params())


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "lion"])
def test_a_kept_network_gives_bit_for_bit_what_a_fresh_one_does(optimizer: str) -> None:
    params = _params(optimizer=optimizer, dropout=0.4, learning_rate=0.01)
    kept = _kept(params)
    before = _train(params, kept)
    others = _train(_params(optimizer=optimizer, **OTHER_NUMBERS), kept)
    assert np.abs(others[0] - before[0]).max() > 1e-3
    for found in (_train(params, kept), _train(params, _fresh(params))):
        for table, wanted in zip(found, before, strict=True):
            np.testing.assert_array_equal(table, wanted)


@pytest.mark.slow
@pytest.mark.parametrize("n_forms", [1, pytest.param(10, marks=pytest.mark.acceptance)])
def test_memory_does_not_grow_with_trials(n_forms: int) -> None:
    """A network is 30 MB here, the states of a trial's folds 50 MB more."""
    process, used_mb = psutil.Process(), []
    for trial in range(20):
        params = _params(dense_units=100_000 + trial % n_forms, learning_rate=1e-6 * (trial + 1))
        _train(params, _kept(params))
        gc.collect()
        used_mb.append(process.memory_info().rss / 1e6)
    warm = KEPT_NETWORKS + 2
    assert max(used_mb[warm:]) - used_mb[warm] < 60
