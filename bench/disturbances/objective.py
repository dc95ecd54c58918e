"""A k-fold objective of some seconds without TensorFlow, by the project's own training loop.

It trains a softmax regression on the pixels of stored views, a fold each, in full batches: a pure
function of parameters, rows and seed. So a trial that was interrupted must come to the same score,
to the last bit. Each epoch that is trained is a line ``TRIAL EPOCH PLACE`` in the file ``epochs``
of the folder ``CHAOS_FOLDER``; a place without a name in ``CHAOS_PLACE`` is named by its process.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from objectives.augmentation import augmenter
from objectives.checkpoints import Arrays, Part, State
from objectives.evaluation.history import FoldOutcome, History
from objectives.records import TrialContext, TrialResult
from objectives.store.array_store import ArrayStore
from objectives.training.stages import run_stage
from objectives.views.views import Views
from spaces.params import TrialParams

VIEWS = 4
STEPS = 20
"""Of gradient descent in an epoch."""


def score(params: TrialParams, context: TrialContext) -> TrialResult:
    """Train and score a point."""
    return _scored(params, context)


def score_by_attempt(params: TrialParams, context: TrialContext) -> TrialResult:
    """Give each attempt at a trial a score of its own, so that a late writer's could be told."""
    folder, trial = _folder(), context.checkpoint_folder.name
    attempt = 1 + len(list(folder.glob(f"attempt-{trial}-*")))
    (folder / f"attempt-{trial}-{attempt}").touch()
    found = _scored(params, context)
    return replace(found, score=attempt / 100, clean=attempt / 100)


def _folder() -> Path:
    return Path(os.environ["CHAOS_FOLDER"])


def _scored(params: TrialParams, context: TrialContext) -> TrialResult:
    splits = context.splits
    labels = context.data.labels[splits.rows]
    folds = tuple(np.flatnonzero(splits.fold_of == j) for j in range(splits.n_folds))
    history = History(labels, folds, context.validation)
    trainer = SoftmaxTrainer(params, context, folds)
    ends = run_stage(
        "head",
        trainer,
        history,
        context.reporter,
        context.checkpoints,
        n_epochs=context.train.head_epochs,
        patience_epochs=0,
    )
    clean, _ = history.out_of_fold(len(context.data.class_names))
    scores = history.fold_scores()
    mean = float(np.mean(scores))
    return TrialResult(
        score=mean,
        clean=mean,
        shifted=None,
        fold_scores=scores,
        epochs=history.refit_epochs(),
        oof_clean=clean,
        oof_shifted=None,
        curves=history.curves(),
        stopped=not ends,
    )


@dataclass
class SoftmaxTrainer:
    """Softmax regression of each fold, all in lockstep."""

    params: TrialParams
    context: TrialContext
    folds: tuple[np.ndarray, ...]
    weights: np.ndarray = field(init=False)
    """Of each fold: ``(k, pixels + 1, classes)``."""
    n_epochs: int = field(init=False, default=0)
    outcomes: dict[int, FoldOutcome] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Begin at zero."""
        splits, data = self.context.splits, self.context.data
        n_pixels = int(np.prod(data.images.shape[1:]))
        self.weights = np.zeros((len(self.folds), n_pixels + 1, len(data.class_names)))
        self._views = Views(
            data,
            splits.rows,
            splits.fold_of,
            n_classes=len(data.class_names),
            seed=self.context.seed,
            augmenter=augmenter("opencv"),
            store=ArrayStore(self.context.home / "store", max_bytes=self.context.max_store_bytes),
        )

    def advance(self, epoch: int) -> dict[int, FoldOutcome]:
        """Train all folds for one epoch on its view."""
        if self.n_epochs == epoch:
            self._advance(epoch)
        return dict(self.outcomes)

    def _advance(self, epoch: int) -> None:
        key = self._views.key(self.params.policy, self.params.strength, epoch % VIEWS, "train")
        view, clean = self._views.stored(key), self._read("none")
        pixels, labels = _pixels(np.asarray(view.images)), np.asarray(view.labels)
        time.sleep(float(os.environ.get("CHAOS_EPOCH_S", "0")))
        weights = self.weights.copy()
        outcomes = {}
        for fold, rows in enumerate(self.folds):
            trains = np.setdiff1d(np.arange(len(labels)), rows)
            loss = _descend(
                weights[fold], pixels[trains], labels[trains], rate=self.params.learning_rate
            )
            outcomes[fold] = FoldOutcome(loss, _softmax(clean[rows] @ weights[fold]), None)
        self.weights, self.outcomes, self.n_epochs = weights, outcomes, epoch + 1
        trial = self.context.checkpoint_folder.name
        with (_folder() / "epochs").open("a") as file:
            file.write(f"{trial} {epoch} {os.environ.get('CHAOS_PLACE', os.getpid())}\n")

    def _read(self, policy: str) -> np.ndarray:
        key = self._views.key(policy, "medium", 0, "validate")
        return _pixels(np.asarray(self._views.stored(key).images[:]))

    def remember(self, fold: int) -> None:
        """Keep nothing: what was predicted is in the history."""

    def state(self) -> State:
        """Give weights and what they last predicted."""
        weights, outcomes, n_epochs = self.weights, self.outcomes, self.n_epochs

        def read() -> Arrays:
            found = {"weights": weights, "n_epochs": np.array(n_epochs)}
            for fold, outcome in outcomes.items():
                found |= outcome.arrays(f"{fold}/")
            return found

        return {"weights": Part(n_epochs, read)}

    def restore(self, parts: Mapping[str, Arrays]) -> None:
        """Go on from a state."""
        arrays = parts["weights"]
        self.weights, self.n_epochs = np.array(arrays["weights"]), int(arrays["n_epochs"])
        if self.n_epochs:
            folds = range(len(self.folds))
            self.outcomes = {j: FoldOutcome.of_arrays(arrays, f"{j}/") for j in folds}


def _pixels(images: np.ndarray) -> np.ndarray:
    flat = images.reshape(len(images), -1) / 255.0 - 0.5
    return np.concatenate([flat, np.ones((len(flat), 1))], axis=1)


def _descend(weights: np.ndarray, pixels: np.ndarray, labels: np.ndarray, *, rate: float) -> float:
    """Take some steps downhill, in place; gives the last loss in nats."""
    loss = 0.0
    for _ in range(STEPS):
        found = _softmax(pixels @ weights)
        loss = float(-np.mean(np.sum(labels * np.log(found + 1e-9), axis=1)))
        weights -= 10 * rate * pixels.T @ (found - labels) / len(labels)
    return loss


def _softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32)
