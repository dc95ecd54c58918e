"""Train one model on all rows of the sweep, for as long as the folds found best."""

from collections.abc import Mapping

import numpy as np

from objectives.networks.network import Network
from objectives.networks.serving import TrainedNetwork
from objectives.records import Stage, TrialContext
from objectives.training.compiled_network import CompiledNetwork, stage_network
from objectives.training.head_stage import HeadTrainer
from objectives.trial import network_trainer
from objectives.trial_inputs import TrialInputs
from spaces.params import TrialParams

ONLY_FOLD = 0


def refit(
    params: TrialParams, epochs: Mapping[Stage, int], context: TrialContext
) -> TrainedNetwork:
    """Train a trial's point on all rows but the holdout.

    The schedule keeps the horizon that it had in the folds, and the views are fresh draws, so that
    what the folds were lucky with is not trained on again.

    Args:
        params: The point.
        epochs: Epochs per stage, from ``TrialResult.epochs``.
        context: As the trial's; its reporter hears the training loss, and cannot end the refit.

    Returns:
        The trained network, in the parts that :func:`objectives.networks.serving.servable_model`
        makes a model of.
    """
    inputs = TrialInputs.of_refit(params, context)
    stage: Stage = "scratch" if params.weights == "none" else "finetune"
    heads = {ONLY_FOLD: _refit_head(inputs, epochs["head"])} if epochs.get("head") else {}
    # A network of its own: the model that is returned outlives what later trials train.
    network = stage_network(
        params,
        stage,
        image_px=inputs.image_px,
        n_classes=inputs.n_classes,
        seed=inputs.context.seed,
    )
    if heads:
        network.set_head(heads[ONLY_FOLD])
    if epochs.get(stage):
        _refit_network(inputs, stage, network, epochs[stage], heads)
    is_frozen = not epochs.get(stage)
    return TrainedNetwork.of(network, (params.backbone, params.weights) if is_frozen else None)


def _refit_head(inputs: TrialInputs, n_epochs: int) -> list[np.ndarray]:
    clean, _ = inputs.validation_features()
    trainer = HeadTrainer(
        inputs.params,
        inputs.plan,
        inputs.features_of_epoch,
        clean,
        None,
        n_epochs=inputs.context.train.head_epochs,
        seed=inputs.context.seed,
    )
    for epoch in range(n_epochs):
        outcome = trainer.advance(epoch)[ONLY_FOLD]
        inputs.context.reporter.report("head", epoch, {ONLY_FOLD: outcome.loss})
    trainer.remember(ONLY_FOLD)
    return trainer.best_heads()[ONLY_FOLD]


def _refit_network(
    inputs: TrialInputs,
    stage: Stage,
    network: Network,
    n_epochs: int,
    heads: dict[int, list[np.ndarray]],
) -> None:
    """Train the network in place."""
    compiled = CompiledNetwork(network, inputs.params.optimizer)
    with network_trainer(compiled, inputs, stage, n_epochs, heads) as trainer:
        for epoch in range(n_epochs):
            outcome = trainer.advance(epoch)[ONLY_FOLD]
            inputs.context.reporter.report(stage, epoch, {ONLY_FOLD: outcome.loss})
        trainer.load(ONLY_FOLD)
