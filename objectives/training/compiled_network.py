"""A network with its compiled training step, kept from trial to trial.

Building, loading weights and tracing cost more than an epoch of a small network. What differs
between trials of one form are numbers: rates, losses and dropout enter the step as tensors, and
weights are put back to what they were when the network was built.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import tensorflow as tf

from objectives.networks.cuts import find_cut
from objectives.networks.network import Network, build_network, freeze_below
from objectives.records import Stage
from objectives.training.head_stack import dropout_mask
from objectives.training.hyper import HYPER_NAMES
from objectives.training.losses import image_losses
from objectives.training.optimizers import clip_by_fold_norm, optimizer_step, zero_slots
from objectives.training.schedules import learning_rates
from spaces.params import OptimizerName, TrialParams

Variables = list[np.ndarray]
FORM = {"backbone", "weights", "features", "dense_units", "optimizer", "finetune_fraction"}
"""What of a trial's parameters is in the graph; all else are numbers that it reads."""

KEPT_NETWORKS = 2
"""Each holds its weights three to four times: optimizer, and the first state on the host."""


class CompiledNetwork:
    """A network, what its optimizer remembers, and both as one state to be put in and taken out.

    Args:
        network: Its trained layers trainable, the others not. Below the last place through which
            everything passes before them it is frozen, and features are read there.
        optimizer: Which step it takes.
    """

    def __init__(self, network: Network, optimizer: OptimizerName) -> None:
        self.whole = network
        self.cut = find_cut(network.backbone)
        """Where features are read; None reads images."""
        self._network = network if self.cut is None else network.above(self.cut)
        self._optimizer = optimizer
        model = self._network.model
        self._values = [v.value for v in model.trainable_variables]
        self._slots = [tf.Variable(zero) for zero in zero_slots(optimizer, self._values)]
        self._count = tf.Variable(0.0)
        arrays = tf.TensorSpec(model.input_shape, tf.uint8 if self.cut is None else tf.float16)
        per_class = tf.TensorSpec(model.output_shape[1:])
        self.step = tf.function(
            self._train_step,
            input_signature=[
                arrays,
                tf.TensorSpec(model.output_shape),
                per_class,
                per_class,
                dict.fromkeys(HYPER_NAMES, tf.TensorSpec(())),
                tf.TensorSpec((), tf.int64),
            ],
            autograph=False,
        )
        self.probabilities = tf.function(
            lambda batch: tf.nn.softmax(model(tf.cast(batch, tf.float32), training=False)),
            input_signature=[arrays],
            autograph=False,
        )
        self._fresh = self.take()

    def fresh(self, head: Sequence[np.ndarray] | None) -> Variables:
        """Give the state in which the network was built, but for the weights of a given head."""
        self.put(self._fresh)
        if head is not None:
            self.whole.set_head(head)
        return self.take()

    def take(self) -> Variables:
        """Copy the present state."""
        return [variable.numpy() for variable in self._variables()]

    def put(self, state: Variables) -> None:
        """Go on from a state that was taken."""
        for variable, value in zip(self._variables(), state, strict=True):
            variable.assign(value)

    def _variables(self) -> list[Any]:
        return [*(v.value for v in self._network.model.variables), *self._slots, self._count]

    def _train_step(
        self,
        batch: Any,
        labels: Any,
        class_weights: Any,
        alpha: Any,
        hyper: dict[str, Any],
        dropout_seed: Any,
    ) -> Any:
        """Take one step on a batch and give its mean loss."""
        image_weights = tf.linalg.matvec(labels, class_weights)
        with tf.GradientTape() as tape:
            hidden = self._network.body(tf.cast(batch, tf.float32), training=True)
            logits = self._network.classifier(self._dropped(hidden, hyper["dropout"], dropout_seed))
            losses = image_losses(labels, logits, hyper, alpha)
            loss = tf.reduce_mean(image_weights * losses)
        gradients = clip_by_fold_norm(
            tape.gradient(loss, self._values), hyper["clip_norm"], stacked=False
        )
        count = self._count.read_value()
        rate = learning_rates(
            count,
            peak=hyper["learning_rate"],
            horizon=hyper["horizon"],
            warmup_fraction=hyper["warmup_fraction"],
            falls=hyper["cosine"],
        )
        moved = optimizer_step(
            self._optimizer,
            [value.read_value() for value in self._values],
            gradients,
            [slot.read_value() for slot in self._slots],
            rates=rate,
            counts=count,
            hyper=hyper,
        )
        for variables, values in zip((self._values, self._slots), moved, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        self._count.assign_add(1.0)
        return loss

    def _dropped(self, hidden: Any, rate: Any, seed: Any) -> Any:
        step = tf.cast(self._count, tf.int64)
        return tf.cond(
            rate > 0,
            lambda: (
                hidden
                * dropout_mask(rate, tf.shape(hidden), seed=seed, step=step, dtype=hidden.dtype)
            ),
            lambda: tf.identity(hidden),
        )


def stage_network(
    params: TrialParams, stage: Stage, *, image_px: int, n_classes: int, seed: int
) -> Network:
    """Build the network of a stage, its frozen part frozen."""
    network = build_network(params, image_px=image_px, n_classes=n_classes, seed=seed)
    if stage == "finetune":
        freeze_below(network.backbone, params.finetune_fraction)
    return network


def kept_network(
    params: TrialParams, stage: Stage, *, image_px: int, n_classes: int, seed: int
) -> CompiledNetwork:
    """Give the compiled network of a stage: that of an earlier trial, where only numbers differ.

    What is trained in it is gone with the next trial, so nothing that outlives a trial may hold
    its layers.
    """
    form = TrialParams(**params.model_dump(include=FORM))
    return _kept_network(form, stage, image_px, n_classes, seed)


@lru_cache(maxsize=KEPT_NETWORKS)
def _kept_network(
    form: TrialParams, stage: Stage, image_px: int, n_classes: int, seed: int
) -> CompiledNetwork:
    network = stage_network(form, stage, image_px=image_px, n_classes=n_classes, seed=seed)
    return CompiledNetwork(network, form.optimizer)
