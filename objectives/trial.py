"""The built-in objective: one point of the space, scored by k-fold cross-validation."""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

import numpy as np

from objectives.evaluation.history import History
from objectives.evaluation.metrics import score_predictions, summarise
from objectives.networks.cuts import find_cut
from objectives.networks.network import Network, build_network, freeze_below
from objectives.records import (
    FloatArray,
    Sharing,
    Stage,
    TrialContext,
    TrialResult,
    UseCounts,
    View,
    ViewSummary,
)
from objectives.stopping.early_stopping import patience_of
from objectives.training.head_stage import Ahead, HeadTrainer, hash_seed
from objectives.training.network_stage import NetworkTrainer
from objectives.training.stages import FoldTrainer, run_stage
from objectives.trial_artifacts import write_artifacts
from objectives.trial_inputs import TrialInputs
from objectives.views.views import SharingCounts
from spaces.params import TrialParams


def train_trial(params: TrialParams, context: TrialContext) -> TrialResult:
    """Train and score one point of the space.

    A pretrained backbone is frozen in stage ``head``; if the reporter finds the score worth it,
    stage ``finetune`` goes on from the best heads. Without pretrained weights there is nothing to
    freeze: the network trains whole, in stage ``scratch``, for the epochs of both.

    Args:
        params: The point.
        context: Data, folds, settings, reporter.

    Returns:
        Scores, out-of-fold predictions, curves, and the epochs that a refit trains for.

    Raises:
        TrialError: If this point cannot be trained: a loss that is not a number, a backbone that
            does not fit into memory.
    """
    return _Trial(params, context).run()


Heads = dict[int, list[np.ndarray]]


class _Trial:
    def __init__(self, params: TrialParams, context: TrialContext) -> None:
        self.params = params
        self.context = context
        self.inputs = TrialInputs.of_folds(params, context)
        plan = self.inputs.plan
        self.history = History(
            self.inputs.labels,
            tuple(plan.rows_of(j) for j in range(plan.n_folds)),
            context.validation,
        )
        self.stage_s: dict[Stage, float] = {}
        self.fold_heads: Heads = {}
        """Those behind the out-of-fold predictions, if the backbone stayed frozen."""

    def run(self) -> TrialResult:
        train = self.context.train
        if self.params.weights == "none":
            goes_on = self._network("scratch", train.head_epochs + train.finetune_epochs, {})
        else:
            goes_on, heads = self._head(train.head_epochs)
            if not (goes_on and self._is_finetuned()):
                self.fold_heads = heads
            else:
                goes_on = self._network("finetune", train.finetune_epochs, heads)
        return self._result(stopped=not goes_on)

    def _is_finetuned(self) -> bool:
        if self.context.train.finetune_epochs == 0 or self.params.finetune_fraction == 0:
            return False
        if not self.history.epochs:
            return True
        return self.context.reporter.enters_finetuning(float(np.mean(self.history.fold_scores())))

    def _head(self, n_epochs: int) -> tuple[bool, Heads]:
        if not n_epochs:
            return True, {}
        clean, shifted = self.inputs.validation_features()
        with closing(Ahead(self.inputs.features_of_epoch, n_epochs)) as ahead:
            trainer = HeadTrainer(
                self.params,
                self.inputs.plan,
                ahead.get,
                clean,
                shifted,
                n_epochs=n_epochs,
                seed=self.context.seed,
            )
            return self._stage("head", trainer, n_epochs), trainer.best_heads()

    def _network(self, stage: Stage, n_epochs: int, heads: Heads) -> bool:
        network = stage_network(self.params, self.inputs, stage)
        with network_trainer(network, self.inputs, stage, n_epochs, heads) as trainer:
            return self._stage(stage, trainer, n_epochs)

    def _stage(self, stage: Stage, trainer: FoldTrainer, n_epochs: int) -> bool:
        started = time.perf_counter()
        goes_on = run_stage(
            stage,
            trainer,
            self.history,
            self.context.reporter,
            n_epochs=n_epochs,
            patience_epochs=patience_of(self.params.schedule, self.context.train.patience),
        )
        self.stage_s[stage] = time.perf_counter() - started
        return goes_on

    def _result(self, *, stopped: bool) -> TrialResult:
        clean, shifted = self.history.out_of_fold(self.inputs.n_classes)
        fold_scores = self.history.fold_scores()
        metric = self.context.validation.metric
        labels = self.inputs.labels
        return TrialResult(
            score=float(np.mean(fold_scores)),
            clean=score_predictions(metric, labels, clean),
            shifted=None if shifted is None else score_predictions(metric, labels, shifted),
            fold_scores=fold_scores,
            epochs=self.history.refit_epochs(),
            oof_clean=clean,
            oof_shifted=shifted,
            curves=self.history.curves(),
            summaries=self._summaries(clean, shifted),
            stage_s=dict(self.stage_s),
            sharing=_sharing(self.inputs.counts),
            artifacts=write_artifacts(self.inputs, self.history, clean, shifted, self.fold_heads),
            stopped=stopped,
        )

    def _summaries(
        self, clean: FloatArray, shifted: FloatArray | None
    ) -> Mapping[View, ViewSummary]:
        labels, names = self.inputs.labels, self.context.data.class_names
        views: dict[View, FloatArray | None] = {"clean": clean, "shifted": shifted}
        return {
            view: summarise(labels, probabilities, names)
            for view, probabilities in views.items()
            if probabilities is not None
        }


def _sharing(counts: SharingCounts) -> Sharing:
    return Sharing(
        views=UseCounts(counts.views_made, counts.views_reused, counts.views_streamed),
        features=UseCounts(counts.features_made, counts.features_reused, counts.features_streamed),
    )


def stage_network(params: TrialParams, inputs: TrialInputs, stage: Stage) -> Network:
    """Build the network of a stage, its frozen part frozen."""
    network = build_network(
        params, image_px=inputs.image_px, n_classes=inputs.n_classes, seed=inputs.context.seed
    )
    if stage == "finetune":
        freeze_below(network.backbone, params.finetune_fraction)
    return network


@contextmanager
def network_trainer(
    network: Network,
    inputs: TrialInputs,
    stage: Stage,
    n_epochs: int,
    heads: Heads,
) -> Iterator[NetworkTrainer]:
    """Lay out the training of a stage's network: what is frozen is computed once for all folds.

    Args:
        network: From :func:`stage_network`.
        inputs: What the trial reads.
        stage: ``finetune`` or ``scratch``.
        n_epochs: Epochs that will be trained; the schedule's horizon is the stage's own length.
        heads: Weights of each fold's head to begin with; empty begins at random.
    """
    train = inputs.context.train
    first_view = train.head_epochs if stage == "finetune" else 0
    horizon = train.finetune_epochs + (0 if stage == "finetune" else train.head_epochs)
    cut = find_cut(network.backbone)
    clean, shifted = inputs.validation_images() if cut is None else inputs.validation_features(cut)

    def of_epoch(epoch: int) -> tuple[np.ndarray, np.ndarray]:
        view = first_view + epoch
        return inputs.images_of_epoch(view) if cut is None else inputs.features_of_epoch(view, cut)

    with closing(Ahead(of_epoch, n_epochs)) as ahead:
        yield NetworkTrainer(
            inputs.params,
            network if cut is None else network.above(cut),
            inputs.plan,
            ahead.get,
            clean,
            shifted,
            n_epochs=horizon,
            seed=hash_seed(inputs.context.seed, first_view),
            learning_rate=_stage_learning_rate(inputs.params, stage),
            heads=heads,
        )


def _stage_learning_rate(params: TrialParams, stage: Stage) -> float:
    """Give the peak rate of a stage: fine-tuning runs at a fraction of the head's."""
    return params.learning_rate * (params.finetune_lr_factor if stage == "finetune" else 1.0)
