"""Fused heads against k separate Keras runs on the same batches, in float64."""

from collections.abc import Iterator

import keras
import numpy as np
import pytest
import tensorflow as tf

from objectives.training.batches import shared_batches, trained_by_fold
from objectives.training.class_balance import balanced_class_weights
from objectives.training.fused_heads import Steps, train_heads
from objectives.training.head_stack import HeadForm, HeadStack, dropout_mask, new_heads
from objectives.training.hyper import hyper_tensors
from objectives.training.standardising import MOST_DEVIATIONS, standardise_by_fold
from spaces.params import FeaturesName, TrialParams

N_ROWS, N_FEATURES, N_CLASSES, N_FOLDS, N_EPOCHS = 70, 6, 3, 3, 4
NOISY_FOLD = 1


@pytest.fixture(autouse=True)
def _double_precision() -> Iterator[None]:
    for precision in ("float64", "float32"):
        keras.config.set_floatx(precision)
        keras.config.set_dtype_policy(precision)
        if precision == "float64":
            yield


def _problem() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(5)
    classes = generator.integers(0, N_CLASSES, N_ROWS)
    features = generator.normal(size=(N_ROWS, N_FEATURES)) + classes[:, None]
    one_hot = np.eye(N_CLASSES)[classes]
    mixed = 0.8 * one_hot + 0.2 * one_hot[generator.permutation(N_ROWS)]
    fold_of = generator.permutation(np.arange(N_ROWS) % N_FOLDS)
    return features, mixed, fold_of, classes


def _steps(
    features: np.ndarray, labels: np.ndarray, fold_of: np.ndarray, batches: np.ndarray
) -> list[Steps]:
    """Lay an epoch out in two parts, as a trainer does that does not hold all of it at once."""
    read = np.maximum(batches, 0)
    places, counts = trained_by_fold(batches, fold_of, n_folds=N_FOLDS)
    half = (len(batches) + 1) // 2
    return [
        Steps(first, features[read[part]], labels[read[part]], places[part], counts[part])
        for first, part in ((0, slice(half)), (half, slice(half, None)))
        if len(batches[part])
    ]


def _keras_optimizer(params: TrialParams, horizon: int) -> keras.optimizers.Optimizer:
    warmup = round(params.warmup_fraction * horizon)
    rate = (
        params.learning_rate
        if params.schedule == "constant"
        else keras.optimizers.schedules.CosineDecay(
            0.0, horizon - warmup, warmup_target=params.learning_rate, warmup_steps=warmup
        )
    )
    clip = params.clip_norm or None
    if params.optimizer == "adamw":
        return keras.optimizers.AdamW(rate, weight_decay=params.weight_decay, global_clipnorm=clip)
    if params.optimizer == "lion":
        return keras.optimizers.Lion(rate, weight_decay=params.weight_decay, global_clipnorm=clip)
    return keras.optimizers.SGD(
        rate, momentum=params.momentum, nesterov=params.nesterov, global_clipnorm=clip
    )


def _keras_loss(params: TrialParams, alpha: np.ndarray) -> keras.losses.Loss:
    if params.loss == "focal":
        return keras.losses.CategoricalFocalCrossentropy(
            alpha=list(alpha),
            gamma=params.focal_gamma,
            label_smoothing=params.label_smoothing,
            reduction=None,
        )
    return keras.losses.CategoricalCrossentropy(
        label_smoothing=params.label_smoothing, reduction=None
    )


def _separate_run(
    params: TrialParams, fold: int, first: list[np.ndarray], n_epochs: int, horizon: int
) -> list[np.ndarray]:
    """Train one fold's head by itself with Keras' layers, loss and optimizer."""
    features, labels, fold_of, classes = _problem()
    weights = balanced_class_weights(classes, fold_of, n_folds=N_FOLDS, n_classes=N_CLASSES)[fold]
    weights = weights.astype("float64")
    layers = [keras.layers.Dense(N_CLASSES, activation="softmax")]
    if params.dense_units:
        layers.insert(0, keras.layers.Dense(params.dense_units, activation="relu"))
    x = features
    for layer in layers:
        x = layer(x)
    if params.features == "deep":
        scale, offset, *first = first
        features = np.clip(features * scale + offset, -MOST_DEVIATIONS, MOST_DEVIATIONS)
    for layer, start in zip(layers, range(0, len(first), 2), strict=True):
        layer.set_weights(first[start : start + 2])
    variables = [variable for layer in layers for variable in layer.trainable_variables]
    optimizer, loss = _keras_optimizer(params, horizon), _keras_loss(params, weights)
    width = params.dense_units or N_FEATURES
    for epoch in range(n_epochs):
        batches = shared_batches(fold_of, batch_size=params.batch_size, n_folds=N_FOLDS, seed=epoch)
        most = trained_by_fold(batches, fold_of, n_folds=N_FOLDS)[0].shape[2]
        for step, batch in enumerate(batches):
            mask = dropout_mask(
                params.dropout,
                (N_FOLDS, most, width),
                seed=tf.constant(epoch, tf.int64),
                step=tf.constant(step, tf.int64),
                dtype=tf.float64,
            )[fold].numpy()
            places = np.flatnonzero((batch >= 0) & (fold_of[np.maximum(batch, 0)] != fold))
            if not len(places):
                continue
            rows = batch[places]
            with tf.GradientTape() as tape:
                hidden = layers[0](features[rows]) if params.dense_units else features[rows]
                probabilities = layers[-1](hidden * mask[: len(places)])
                image_weights = labels[rows] @ weights
                value = tf.reduce_mean(image_weights * loss(labels[rows], probabilities))
            optimizer.apply(tape.gradient(value, [v.value for v in variables]), variables)
    return [variable.numpy() for variable in variables]


def _standards() -> tuple[np.ndarray, np.ndarray]:
    features, _, fold_of, _ = _problem()
    return standardise_by_fold([features], fold_of, n_folds=N_FOLDS)


def _first_stack(params: TrialParams) -> HeadStack:
    return new_heads(
        params,
        _standards() if params.features == "deep" else (),
        n_folds=N_FOLDS,
        n_features=N_FEATURES,
        n_classes=N_CLASSES,
        seed=9,
        dtype=tf.float64,
    )


def _fused_run(params: TrialParams) -> tuple[HeadStack, int]:
    """Train all folds at once."""
    features, labels, fold_of, classes = _problem()
    weights = balanced_class_weights(classes, fold_of, n_folds=N_FOLDS, n_classes=N_CLASSES)
    alpha = weights if params.loss == "focal" else np.ones_like(weights)
    terms = (tf.constant(weights, tf.float64), tf.constant(alpha, tf.float64))
    stack = _first_stack(params)
    n_steps = len(shared_batches(fold_of, batch_size=params.batch_size, n_folds=N_FOLDS, seed=0))
    hyper = hyper_tensors(
        params, learning_rate=params.learning_rate, horizon=n_steps * N_EPOCHS, dtype=tf.float64
    )
    for epoch in range(N_EPOCHS):
        batches = shared_batches(fold_of, batch_size=params.batch_size, n_folds=N_FOLDS, seed=epoch)
        steps = _steps(features, labels, fold_of, batches)
        stack, _ = train_heads(HeadForm.of(params), stack, steps, terms, hyper, seed=epoch)
    return stack, n_steps * N_EPOCHS


POINTS = {
    "adamw with a dense layer, dropout, clipping, cosine": {
        "dense_units": 5,
        "dropout": 0.3,
        "clip_norm": 0.5,
        "schedule": "cosine",
        "warmup_fraction": 0.2,
        "weight_decay": 0.05,
        "learning_rate": 0.02,
    },
    "sgd with nesterov, focal loss": {
        "dense_units": 5,
        "optimizer": "sgd",
        "loss": "focal",
        "focal_gamma": 1.5,
        "learning_rate": 0.05,
        "clip_norm": 1.0,
        "label_smoothing": 0.1,
    },
    "sgd without nesterov, no dense layer": {
        "optimizer": "sgd",
        "nesterov": False,
        "dropout": 0.2,
        "schedule": "cosine",
        "learning_rate": 0.05,
    },
    "lion with clipping and decay": {
        "dense_units": 5,
        "optimizer": "lion",
        "clip_norm": 0.3,
        "weight_decay": 0.1,
        "schedule": "cosine",
        "dropout": 0.1,
        "learning_rate": 0.003,
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("features", ["last", "deep"])
@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS.keys())
def test_fused_heads_end_where_separate_keras_runs_end(
    point: dict[str, float], features: FeaturesName
) -> None:
    params = TrialParams(backbone="mobilenet_0.25", batch_size=16, features=features, **point)
    first = _first_stack(params)
    stack, horizon = _fused_run(params)
    trained = 2 if features == "deep" else 0
    for fold in range(N_FOLDS):
        fused, begun = (s.weights_of(fold)[trained:] for s in (stack, first))
        separate = _separate_run(params, fold, first.weights_of(fold), N_EPOCHS, horizon)
        for ours, theirs, start in zip(fused, separate, begun, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
            assert np.abs(theirs - start).max() > 1e-3, "the run must move the weights"


def test_a_fold_that_has_no_image_in_a_step_does_not_move() -> None:
    params = TrialParams(backbone="small_cnn", weight_decay=0.5, learning_rate=0.1)
    stack = new_heads(params, (), n_folds=2, n_features=4, n_classes=2, seed=0, dtype=tf.float64)
    places, counts = trained_by_fold(np.arange(3)[None], np.zeros(3, int), n_folds=2)
    steps = Steps(0, np.ones((1, 3, 4)), np.array([[[1.0, 0.0]] * 3]), places, counts)
    ones = (tf.ones((2, 2), tf.float64), tf.ones((2, 2), tf.float64))
    hyper = hyper_tensors(params, learning_rate=params.learning_rate, horizon=1, dtype=tf.float64)
    trained, _ = train_heads(HeadForm.of(params), stack, [steps], ones, hyper, seed=0)
    for before, after in zip(stack.weights_of(0), trained.weights_of(0), strict=True):
        np.testing.assert_array_equal(before, after)
    assert np.abs(trained.weights_of(1)[0] - stack.weights_of(1)[0]).max() > 1e-3
    assert list(trained.counts.numpy()) == [0.0, 1.0]


def test_noise_in_a_fold_leaves_its_own_head_bit_identical() -> None:
    params = TrialParams(
        backbone="mobilenet_0.25",
        dense_units=5,
        dropout=0.3,
        clip_norm=0.5,
        class_weights="balanced",
    )
    features, labels, fold_of, classes = _problem()
    noise = np.random.default_rng(77)
    noisy = fold_of == NOISY_FOLD
    noisy_features, noisy_labels, noisy_classes = features.copy(), labels.copy(), classes.copy()
    noisy_features[noisy] = noise.normal(size=(noisy.sum(), N_FEATURES)) * 9
    noisy_classes[noisy] = noise.integers(0, N_CLASSES, noisy.sum())
    noisy_labels[noisy] = np.eye(N_CLASSES)[noisy_classes[noisy]]

    def train(features: np.ndarray, labels: np.ndarray, classes: np.ndarray) -> HeadStack:
        weights = balanced_class_weights(classes, fold_of, n_folds=N_FOLDS, n_classes=N_CLASSES)
        stack = new_heads(
            params,
            standardise_by_fold([features], fold_of, n_folds=N_FOLDS),
            n_folds=N_FOLDS,
            n_features=N_FEATURES,
            n_classes=N_CLASSES,
            seed=1,
            dtype=tf.float32,
        )
        hyper = hyper_tensors(
            params, learning_rate=params.learning_rate, horizon=20, dtype=tf.float32
        )
        terms = (tf.constant(weights), tf.constant(weights))
        small, targets = features.astype(np.float16), labels.astype(np.float32)
        for epoch in range(3):
            batches = shared_batches(fold_of, batch_size=16, n_folds=N_FOLDS, seed=epoch)
            steps = _steps(small, targets, fold_of, batches)
            stack, _ = train_heads(HeadForm.of(params), stack, steps, terms, hyper, seed=epoch)
        return stack

    plain = train(features, labels, classes)
    with_noise = train(noisy_features, noisy_labels, noisy_classes)
    for ours, theirs in zip(
        plain.weights_of(NOISY_FOLD), with_noise.weights_of(NOISY_FOLD), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    other = 0
    assert np.abs(plain.weights_of(other)[2] - with_noise.weights_of(other)[2]).max() > 1e-4
