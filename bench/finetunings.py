"""Fine-tunings that are run to their end and stored, so that races can be replayed."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.equality import Problem
from bench.progress import say
from bench.simulated_trials import StoredTrial
from objectives.evaluation.epoch_predictions import load_predictions
from objectives.records import LabelArray, RowArray, TrialHead
from objectives.settings import TrainSettings, ValidationSettings
from objectives.trial import train_trial
from spaces.params import TrialParams

V2, HALF, QUARTER = "mobilenet_v2_0.35", "mobilenet_0.5", "mobilenet_0.25"
COMMON: Mapping[str, Any] = {
    "policy": "augmix+randaugment",
    "dense_units": 128,
    "learning_rate": 1e-3,
    "schedule": "cosine",
    "label_smoothing": 0.1,
    "dropout": 0.2,
    "batch_size": 32,
    "finetune_fraction": 1.0,
    "finetune_learning_rate": 1.5e-4,
}
POINTS: Mapping[str, Mapping[str, Any]] = {
    "A": {"backbone": V2},
    "B": {"backbone": HALF},
    "C": {"backbone": V2, "finetune_learning_rate": 4e-4},
    "D": {"backbone": V2, "finetune_learning_rate": 5e-5, "schedule": "constant"},
    "E": {"backbone": V2, "finetune_fraction": 0.3},
    "F": {"backbone": HALF, "finetune_learning_rate": 5e-5},
    "G": {"backbone": QUARTER, "finetune_learning_rate": 2e-4},
    "H": {"backbone": V2, "policy": "randaugment"},
    "I": {"backbone": HALF, "policy": "randaugment", "finetune_learning_rate": 3e-4},
}
SEEDS = (1, 2)
REPEATED = ("A", "B", "C")
"""Trained with every seed, the others with the first alone."""
HEAD_EPOCHS, FINETUNE_EPOCHS = 12, 6
TRIAL_FILE, ROWS_FILE = "finetuning.json", "rows.npz"


@dataclass(frozen=True)
class Finetuning:
    """One stored fine-tuning: which images were right, and what its folds cost."""

    point: str
    seed: int
    right: npt.NDArray[np.bool_]
    """After every epoch, shape ``(epochs, views, images)``."""
    fold_s: float
    """Mean seconds of a fold."""

    @property
    def at_end(self) -> StoredTrial:
        """What was right after the last epoch."""
        return StoredTrial(self.point, self.seed, self.right[-1])


@dataclass(frozen=True)
class Stored:
    """Fine-tunings of the same images in the same folds."""

    trials: tuple[Finetuning, ...]
    fold_of: RowArray
    groups: RowArray


def wanted(points: int) -> Iterator[tuple[str, int]]:
    """Name what is to be trained: every point once, some with further seeds."""
    names = list(POINTS)[:points]
    for seed in SEEDS:
        yield from ((name, seed) for name in names if seed == SEEDS[0] or name in REPEATED)


def train(problem: Problem, weights: Mapping[str, str], folder: Path, *, points: int) -> None:
    """Train what is not there yet, with heads of their own and no race.

    Args:
        problem: Images and folds.
        weights: By backbone.
        folder: Where each gets a folder.
        points: How many of the list.
    """
    rows = problem.splits.rows
    labels, groups = problem.data.labels[rows], problem.splits.groups[rows]
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / ROWS_FILE, labels=labels, fold_of=problem.splits.fold_of, groups=groups)
    for name, seed in wanted(points):
        place = folder / f"{name}-{seed}"
        if not (place / TRIAL_FILE).is_file():
            point = {**COMMON, **POINTS[name]}
            params = TrialParams.model_validate({**point, "weights": weights[point["backbone"]]})
            seconds = _train_one(problem, params, seed, place)
            say(f"{name}, seed {seed}: {seconds:.0f} s a fold")
            told = {"point": name, "seed": seed, "fold_s": seconds}
            (place / TRIAL_FILE).write_text(json.dumps(told))


def _train_one(problem: Problem, params: TrialParams, seed: int, place: Path) -> float:
    train = TrainSettings(
        head_epochs=HEAD_EPOCHS, views=HEAD_EPOCHS, finetune_epochs=FINETUNE_EPOCHS
    )
    validation = ValidationSettings(folds=problem.size.folds)
    context = problem.context(train, place / "head", validation=validation, seed=seed)
    found = train_trial(params, context)
    head = TrialHead(found.score, found.fold_scores, context.checkpoint_folder)
    second = replace(context, phase="finetune", head=head, checkpoint_folder=place)
    return train_trial(params, second).stage_s["finetune"] / problem.size.folds


def load(folder: Path) -> Stored:
    """Read all fine-tunings that lie in a folder."""
    with np.load(folder / ROWS_FILE) as rows:
        labels, fold_of, groups = (rows[name] for name in ("labels", "fold_of", "groups"))
    places = sorted(file.parent for file in folder.glob(f"*/{TRIAL_FILE}"))
    return Stored(tuple(_load_one(place, labels) for place in places), fold_of, groups)


def _load_one(place: Path, labels: LabelArray) -> Finetuning:
    predictions = load_predictions(place)
    if predictions is None:
        raise FileNotFoundError(f"{place} has no predictions")
    views = [predictions.views["clean"], predictions.views["shifted"]]
    right = np.stack([view.argmax(axis=-1) == labels for view in views], axis=1)
    return Finetuning(**json.loads((place / TRIAL_FILE).read_text()), right=right)
