"""Whole networks trained in lockstep against one Keras run per fold on the same batches."""

import keras
import numpy as np
import pytest

from objectives.networks.frozen_part import frozen_part
from objectives.networks.network import build_network, freeze_below
from objectives.training.batches import shared_batches
from objectives.training.compiled_network import CompiledNetwork
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


def _separate_run(
    params: TrialParams, fold: int, fraction: float | None, cut: int | None, read: np.ndarray
) -> list[np.ndarray]:
    _, labels, plan = _problem()
    network = build_network(params, image_px=PX, n_classes=N_CLASSES, seed=SEED)
    if fraction is not None:
        freeze_below(network.backbone, fraction)
    model = network.model if cut is None else network.above(cut).model
    optimizers = {
        "adamw": keras.optimizers.AdamW(
            params.learning_rate,
            weight_decay=params.weight_decay,
            global_clipnorm=params.clip_norm or None,
        ),
        "sgd": keras.optimizers.SGD(params.learning_rate, momentum=0.9, nesterov=True),
    }
    model.compile(
        optimizers[params.optimizer],
        keras.losses.CategoricalCrossentropy(from_logits=True),
        jit_compile=False,  # XLA compiles for every number of rows, for longer than all else takes.
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
            model.train_on_batch(
                read[rows].astype("float32"),
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
    optimizer: str, fraction: float | None, is_cut: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_cut:
        # No map is small enough to be stored.
        monkeypatch.setattr("objectives.networks.cuts.LARGEST_MAP_RATIO", 0)
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
    compiled, read = CompiledNetwork(network, params.optimizer), images
    assert (compiled.cut is not None) == is_cut
    if compiled.cut is not None:
        below = frozen_part(network.backbone, params.features, compiled.cut)
        read = np.asarray(below(images.astype("float32"))).astype(np.float16)
    trainer = NetworkTrainer(
        params,
        compiled,
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
        theirs = _separate_run(params, fold, fraction, compiled.cut, read)
        for mine, wanted in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine, wanted, rtol=1e-3, atol=2e-4)
        rows = plan.rows_of(fold)
        predicted = keras.ops.softmax(network.model(images[rows].astype("float32")))
        # Stored features are rounded to half precision.
        atol = 1e-3 if is_cut else 1e-5
        np.testing.assert_allclose(outcomes[fold].clean, np.asarray(predicted), atol=atol)
        assert outcomes[fold].shifted is not None


@pytest.mark.slow
def test_folds_one_after_another_end_bit_for_bit_where_they_end_together() -> None:
    """Whole networks with batch normalisation and dropout, in one compiled step after another."""
    params = TrialParams(backbone="small_cnn", dense_units=4, dropout=0.5, batch_size=8)
    images, labels, plan = _problem()
    network = build_network(params, image_px=PX, n_classes=N_CLASSES, seed=SEED)
    compiled = CompiledNetwork(network, params.optimizer)

    def begin() -> NetworkTrainer:
        return NetworkTrainer(
            params,
            compiled,
            plan,
            lambda epoch: (np.roll(images, epoch, axis=1), labels),
            images,
            images[::-1],
            n_epochs=N_EPOCHS,
            seed=SEED,
            learning_rate=0.01,
        )

    together, apart = begin(), begin()
    for epoch in range(N_EPOCHS):
        ended_together = together.advance(epoch)
    for fold in reversed(range(N_FOLDS)):
        for epoch in range(N_EPOCHS):
            ended_apart = apart.advance(epoch, [fold])[fold]
        assert ended_apart.loss == ended_together[fold].loss
        np.testing.assert_array_equal(ended_apart.clean, ended_together[fold].clean)
        np.testing.assert_array_equal(ended_apart.shifted, ended_together[fold].shifted)


@pytest.mark.slow
def test_dropout_in_a_step_costs_what_keras_dropout_costs_on_average() -> None:
    """Nothing is learnt at a rate of 0, so epochs are draws of one expected loss."""
    rate, n_draws = 0.5, 150
    params = TrialParams(backbone="small_cnn", dropout=rate, batch_size=N_ROWS)
    images, labels, _ = _problem()
    ones = np.ones((1, N_CLASSES), np.float32)
    plan = FoldPlan(np.full(N_ROWS, -1), 1, ones, ones)
    network = build_network(params, image_px=PX, n_classes=N_CLASSES, seed=SEED)
    network.classifier.kernel.assign(3.0 * network.classifier.kernel)
    trainer = NetworkTrainer(
        params,
        CompiledNetwork(network, params.optimizer),
        plan,
        lambda epoch: (images, labels),
        images,
        None,
        n_epochs=n_draws,
        seed=SEED,
        learning_rate=0.0,
    )
    ours = [trainer.advance(epoch)[0].loss for epoch in range(n_draws)]
    trainer.load(0)
    hidden = network.body(images.astype("float32"), training=True)
    dropout = keras.layers.Dropout(rate, seed=SEED)
    theirs = [
        float(
            keras.ops.mean(
                keras.losses.categorical_crossentropy(
                    labels, network.classifier(dropped), from_logits=True
                )
            )
        )
        for dropped in (dropout(hidden, training=True) for _ in range(n_draws))
    ]
    error = np.hypot(np.std(ours), np.std(theirs)) / np.sqrt(n_draws)
    assert abs(np.mean(ours) - np.mean(theirs)) < 3.5 * error
    undropped = keras.losses.categorical_crossentropy(
        labels, network.classifier(hidden), from_logits=True
    )
    assert abs(np.mean(ours) - float(keras.ops.mean(undropped))) > 5 * error


def test_a_fold_begins_with_the_head_that_it_is_given() -> None:
    params = TrialParams(backbone="small_cnn", batch_size=8)
    images, labels, plan = _problem()
    heads = {j: [np.full((128, N_CLASSES), j + 1.0), np.zeros(N_CLASSES)] for j in range(N_FOLDS)}
    network = build_network(params, image_px=PX, n_classes=N_CLASSES, seed=SEED)
    trainer = NetworkTrainer(
        params,
        CompiledNetwork(network, params.optimizer),
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
