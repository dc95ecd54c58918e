"""The built-in objective: one point of the space, scored by k-fold cross-validation."""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from objectives.checkpoints import NoCheckpoints
from objectives.evaluation.epoch_predictions import FILE as PREDICTIONS_FILE
from objectives.evaluation.epoch_predictions import EpochPredictions, load_predictions
from objectives.evaluation.history import History
from objectives.evaluation.metrics import score_predictions, summarise
from objectives.fold_heads import Heads, read_heads, write_heads
from objectives.records import (
    FloatArray,
    Stage,
    TrialContext,
    TrialResult,
    View,
    ViewSummary,
)
from objectives.stopping.early_stopping import patience_of
from objectives.training.compiled_network import CompiledNetwork, kept_network
from objectives.training.head_stage import HeadTrainer, hash_seed
from objectives.training.network_stage import NetworkTrainer
from objectives.training.prefetching import Prefetcher
from objectives.training.raced_stage import Race
from objectives.training.stages import FoldTrainer, run_stage
from objectives.trial_artifacts import write_artifacts
from objectives.trial_inputs import TrialInputs
from spaces.params import TrialParams


def train_trial(params: TrialParams, context: TrialContext) -> TrialResult:
    """Train and score one phase of one point of the space.

    In the first phase a pretrained backbone is frozen, stage ``head``; in the second, stage
    ``finetune``, its heads and the upper part of it train on, fold by fold and only as long as that
    may come to more than what the best fine-tuned trial has. Without pretrained weights there is
    nothing to freeze: the network trains whole, in stage ``scratch``, for the epochs of both, and
    without epochs for the heads the first phase fine-tunes; then no other follows.

    Args:
        params: The point.
        context: Data, folds, settings, phase, reporter.

    Returns:
        Scores, out-of-fold predictions, curves, and the epochs that a refit trains for.

    Raises:
        TrialError: If this point cannot be trained: a loss that is not a number, a backbone that
            does not fit into memory.
    """
    return _Trial(params, context).run()


class _Unheard:
    """A reporter for what was reported before."""

    def report(self, stage: Stage, epoch: int, values: Mapping[int, float]) -> bool:  # noqa: ARG002
        """Go on."""
        return True


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

    def run(self) -> TrialResult:
        train = self.context.train
        if self.params.weights == "none":
            ends = self._network("scratch", train.head_epochs + train.finetune_epochs, {})
        elif self.context.phase == "finetune":
            return self._race(train.finetune_epochs)
        elif train.head_epochs == 0:
            ends = self._network("finetune", train.finetune_epochs, {})
        else:
            ends, heads = self._head(train.head_epochs)
            kept = write_heads(heads, self.context.checkpoint_folder)
            result = self._result(stopped=not ends)
            goes_on = ends and train.finetune_epochs > 0 and self.inputs.is_network
            return replace(result, goes_on=goes_on, artifacts=(*result.artifacts, kept))
        return self._result(stopped=not ends)

    def _race(self, n_epochs: int) -> TrialResult:
        """Fine-tune the heads, for as long as they have a chance against the best network."""
        started = time.perf_counter()
        heads = self._heads_of_first_phase()
        with network_trainer(
            self._compiled("finetune"), self.inputs, "finetune", n_epochs, heads
        ) as trainer:
            splits = self.context.splits
            race = Race(
                self.history,
                splits.groups[splits.rows],
                EpochPredictions.empty(
                    ("clean",) if trainer.shifted is None else ("clean", "shifted"),
                    n_epochs=n_epochs,
                    n_rows=len(splits.rows),
                    n_classes=self.inputs.n_classes,
                ),
                load_predictions(self.context.incumbent),
            )
            ends = race.run(trainer, self.context.reporter, self.context.checkpoints)
        self._note_seconds("finetune", started)
        if not self.history.epochs:
            return self._given_up()
        result = self._result(stopped=not ends)
        if not ends:
            return result
        kept = race.predictions.save(self.context.checkpoint_folder / PREDICTIONS_FILE)
        return replace(result, artifacts=(*result.artifacts, kept))

    def _given_up(self) -> TrialResult:
        """Give what there is of a fine-tuning in which not all folds ran: no score of its own."""
        head = self.context.head
        score = math.nan if head is None else head.score
        return TrialResult(
            score=score,
            clean=score,
            shifted=None,
            fold_scores=(),
            epochs={},
            oof_clean=np.zeros((len(self.inputs.labels), self.inputs.n_classes), np.float32),
            oof_shifted=None,
            curves={},
            stage_s=dict(self.stage_s),
            sharing=self.inputs.counts.so_far(),
            stopped=True,
        )

    def _heads_of_first_phase(self) -> Heads:
        """Read the heads, or train the same ones again where their file does not lie."""
        first, train = self.context.head, self.context.train
        found = None if first is None else read_heads(first.folder)
        if found is not None or train.head_epochs == 0:
            return found or {}
        again = replace(
            self.context,
            phase="head",
            head=None,
            reporter=_Unheard(),
            checkpoints=NoCheckpoints(),
        )
        return _Trial(self.params, again)._head(train.head_epochs)[1]

    def _head(self, n_epochs: int) -> tuple[bool, Heads]:
        clean, shifted = self.inputs.validation_features()
        with Prefetcher(self.inputs.features_of_epoch, n_epochs) as prefetcher:
            trainer = HeadTrainer(
                self.params,
                self.inputs.plan,
                prefetcher.get,
                clean,
                shifted,
                n_epochs=n_epochs,
                seed=self.context.seed,
            )
            return self._stage("head", trainer, n_epochs), trainer.best_heads()

    def _network(self, stage: Stage, n_epochs: int, heads: Heads) -> bool:
        compiled = self._compiled(stage)
        with network_trainer(compiled, self.inputs, stage, n_epochs, heads) as trainer:
            return self._stage(stage, trainer, n_epochs)

    def _compiled(self, stage: Stage) -> CompiledNetwork:
        return kept_network(
            self.params,
            stage,
            image_px=self.inputs.image_px,
            n_classes=self.inputs.n_classes,
            seed=self.context.seed,
        )

    def _stage(self, stage: Stage, trainer: FoldTrainer, n_epochs: int) -> bool:
        started = time.perf_counter()
        goes_on = run_stage(
            stage,
            trainer,
            self.history,
            self.context.reporter,
            self.context.checkpoints,
            n_epochs=n_epochs,
            patience_epochs=patience_of(self.params.schedule, self.context.train.patience),
        )
        self._note_seconds(stage, started)
        return goes_on

    def _note_seconds(self, stage: Stage, started: float) -> None:
        """Note how long a stage took, over all attempts at what went into it."""
        before_s = self.context.checkpoints.seconds
        self.stage_s[stage] = before_s + time.perf_counter() - started

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
            sharing=self.inputs.counts.so_far(),
            artifacts=write_artifacts(self.inputs, self.history, clean, shifted),
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


@contextmanager
def network_trainer(
    compiled: CompiledNetwork,
    inputs: TrialInputs,
    stage: Stage,
    n_epochs: int,
    heads: Heads,
) -> Iterator[NetworkTrainer]:
    """Lay out the training of a stage's network: what is frozen is computed once for all folds.

    Args:
        compiled: The stage's network.
        inputs: What the trial reads.
        stage: ``finetune`` or ``scratch``.
        n_epochs: Epochs that will be trained; the schedule's horizon is the stage's own length.
        heads: Weights of each fold's head to begin with; empty begins at random.
    """
    train = inputs.context.train
    first_view = train.head_epochs if stage == "finetune" else 0
    horizon = train.finetune_epochs + (0 if stage == "finetune" else train.head_epochs)
    cut = compiled.cut
    clean, shifted = inputs.validation_images() if cut is None else inputs.validation_features(cut)

    def of_epoch(epoch: int) -> tuple[np.ndarray, np.ndarray]:
        view = first_view + epoch
        return inputs.images_of_epoch(view) if cut is None else inputs.features_of_epoch(view, cut)

    with Prefetcher(of_epoch, n_epochs) as prefetcher:
        yield NetworkTrainer(
            inputs.params,
            compiled,
            inputs.plan,
            prefetcher.get,
            clean,
            shifted,
            n_epochs=horizon,
            seed=hash_seed(inputs.context.seed, first_view),
            learning_rate=_stage_learning_rate(inputs.params, stage),
            heads=heads,
            folder=inputs.context.home,
        )


def _stage_learning_rate(params: TrialParams, stage: Stage) -> float:
    return params.finetune_learning_rate if stage == "finetune" else params.learning_rate
