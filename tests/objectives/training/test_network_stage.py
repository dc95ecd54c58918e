"""Whole networks trained in lockstep against one Keras run per fold on the same batches."""

import keras
import numpy as np
import pytest

from objectives.networks.cuts import find_cut
from objectives.networks.frozen_part import frozen_part
from objectives.networks.network import build_network, freeze_below
from objectives.training.batches import shared_batches
from objectives.training.head_stage import FoldPlan, hash_seed
from objectives.training.network_stage import NetworkTrainer
from spaces.params import TrialParams

N_ROWS, PX, N_CLASSES, N_FOLDS, N_EPOCHS, SEED = 30, 16, 3, 2, 2, 4


def _problem() -> tuple[np.ndarray, np.ndarray, FoldPlan]:
    generator = np.random.default_rng(0)
    classes = np.arange(N_ROWS) % N_CLASSES
    images = generator.integers(0, 120, (N_ROWS, PX, PX, 3)) + 60 * classes[:, None, None, None]
    fold_of = generator.permutation(np.arange(N_ROWS) % N_FOLDS)
    weights = np.array([[1.0, 2.0, 0.5], [0.7, 1.0, 1.5]], dtype=np.float32)
    plan = FoldPlan(fold_of, N_FOLDS, weights, np.ones_like(weights))
    return images.astype(np.uint8), np.eye(N_CLASSES, dtype=np.float32)[classes], plan


def _separate_run(params: TrialParams, fold: int, fraction: float | None) -> list[np.ndarray]:
    images, labels, plan = _problem()
    network = build_network(params, image_px=PX, n_classes=N_CLASSES, seed=SEED)
    if fraction is not None:
        freeze_below(network.backbone, fraction)
    optimizers = {
        "adamw": keras.optimizers.AdamW(
            params.learning_rate,
            weight_decay=params.weight_decay,
            global_clipnorm=params.clip_norm or None,
        ),
        "sgd": keras.optimizers.SGD(params.learning_rate, momentum=0.9, nesterov=True),
    }
    network.model.compile(
        optimizers[params.optimizer], keras.losses.CategoricalCrossentropy(from_logits=True)
    )
    for epoch in range(N_EPOCHS):
        batches = shared_batches(
            plan.fold_of,
            batch_size=params.batch_size,
            n_folds=N_FOLDS,
            seed=hash_seed(SEED, epoch),
        )
        for batch in batches:
            rows = np.sort(batch[batch >= 0])
            rows = rows[plan.fold_of[rows] != fold]
            network.model.train_on_batch(
                images[rows].astype("float32"),
                labels[rows],
                sample_weight=labels[rows] @ plan.class_weights[fold],
            )
    return [variable.numpy() for variable in network.model.variables]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("optimizer", "fraction", "is_cut"),
    [("adamw", None, False), ("sgd", None, False), ("adamw", 0.5, False), ("sgd", 0.5, True)],
)
def test_folds_in_lockstep_end_where_separate_keras_runs_end(
    optimizer: str, fraction: float | None, is_cut: bool
) -> None:
    params = TrialParams.model_validate(
        {
            "backbone": "small_cnn",
            "dense_units": 4,
            "optimizer": optimizer,
            "learning_rate": 0.01,
            "clip_norm": 0.5 if optimizer == "adamw" else 0.0,
            "batch_size": 8,
        }
    )
    images, labels, plan = _problem()
    network = build_network(params, image_px=PX, n_classes=N_CLASSES, seed=SEED)
    if fraction is not None:
        freeze_below(network.backbone, fraction)
    trained, read = network, images
    if is_cut:
        cut = find_cut(network.backbone)
        assert cut is not None
        below = frozen_part(network.backbone, params.features, cut)
        trained, read = network.above(cut), np.asarray(below(images.astype("float32")))
    trainer = NetworkTrainer(
        params,
        trained,
        plan,
        lambda epoch: (read, labels),
        read,
        read[::-1],
        n_epochs=N_EPOCHS,
        seed=SEED,
        learning_rate=params.learning_rate,
    )
    for epoch in range(N_EPOCHS):
        outcomes = trainer.advance(epoch)
    for fold in range(N_FOLDS):
        trainer.load(fold)
        ours = [variable.numpy() for variable in network.model.variables]
        theirs = _separate_run(params, fold, fraction)
        for mine, wanted in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine, wanted, rtol=1e-3, atol=2e-4)
        rows = plan.rows_of(fold)
        predicted = keras.ops.softmax(network.model(images[rows].astype("float32")))
        np.testing.assert_allclose(outcomes[fold].clean, np.asarray(predicted), atol=1e-5)
        assert outcomes[fold].shifted is not None


def test_a_fold_begins_with_the_head_that_it_is_given() -> None:
    params = TrialParams(backbone="small_cnn", batch_size=8)
    images, labels, plan = _problem()
    heads = {j: [np.full((128, N_CLASSES), j + 1.0), np.zeros(N_CLASSES)] for j in range(N_FOLDS)}
    network = build_network(params, image_px=PX, n_classes=N_CLASSES, seed=SEED)
    trainer = NetworkTrainer(
        params,
        network,
        plan,
        lambda epoch: (images, labels),
        images,
        None,
        n_epochs=1,
        seed=SEED,
        learning_rate=0.1,
        heads=heads,
    )
    for fold in range(N_FOLDS):
        trainer.load(fold)
        np.testing.assert_array_equal(network.head_layers[0].get_weights()[0], fold + 1.0)
