"""Fine-tuning and training from scratch: networks, fold by fold, over shared views.

What a network reads are images, or the features at a cut below which it is frozen.

One network and one compiled step serve all folds: a fold's variables are put into the network for
its share of the epoch and taken out again. So the folds go forward in lockstep or in any other
order, and the memory on the device is that of a single fold.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tensorflow as tf

from objectives.checkpoints import Arrays, Part, State
from objectives.evaluation.history import FoldOutcome
from objectives.records import FloatArray
from objectives.training.compiled_network import CompiledNetwork, Variables
from objectives.training.head_stage import FoldPlan, hash_seed
from objectives.training.hyper import hyper_tensors
from spaces.files import disk_full_is_unavailable
from spaces.params import TrialParams

ArraysOfEpoch = Callable[[int], tuple[np.ndarray, FloatArray]]
OUTCOME = "outcome/"
DROPOUT = 1
"""Tells the seeds of dropout from those of other draws of a fold."""
LARGEST_IN_MEMORY_BYTES = 1 << 28
"""Of a fold's variables; five folds of more would not fit into the memory of many a machine."""
PREDICT_BATCH = 128


@dataclass(frozen=True)
class _Trained:
    """A fold after some epochs, and what it found in the last of these."""

    variables: Variables
    n_epochs: int
    outcome: FoldOutcome | None

    def arrays(self) -> Arrays:
        arrays = {f"variables/{place}": array for place, array in enumerate(self.variables)}
        outcome = {} if self.outcome is None else self.outcome.arrays(OUTCOME)
        return {**arrays, **outcome, "n_epochs": np.array(self.n_epochs)}

    @classmethod
    def of_arrays(cls, arrays: Arrays, folder: Path | None) -> "_Trained":
        n_variables = sum(name.startswith("variables/") for name in arrays)
        variables = [arrays[f"variables/{place}"] for place in range(n_variables)]
        n_epochs = int(arrays["n_epochs"])
        outcome = FoldOutcome.of_arrays(arrays, OUTCOME) if n_epochs else None
        return cls(_out_of_the_way(variables, folder), n_epochs, outcome)


@dataclass
class NetworkTrainer:
    """Trains the network of every fold in turn."""

    params: TrialParams
    compiled: CompiledNetwork
    plan: FoldPlan
    arrays_of_epoch: ArraysOfEpoch
    """What the network reads in an epoch, ``(rows, ...)``, and labels, ``(rows, classes)``."""
    clean: np.ndarray
    shifted: np.ndarray | None
    """The clean and the shifted validation view, ``(rows, ...)``; shifted may be None."""
    n_epochs: int
    seed: int
    learning_rate: float
    heads: dict[int, list[np.ndarray]] = field(default_factory=dict)
    """Weights of each fold's head to begin with; empty begins at random."""
    folder: Path | None = None
    """Where large states of folds wait; by default in memory."""

    def __post_init__(self) -> None:
        """Give every fold its own state."""
        self._hyper = hyper_tensors(
            self.params,
            learning_rate=self.learning_rate,
            horizon=len(self._batches(0)) * self.n_epochs,
            dtype=tf.float32,
        )
        self._folds = {
            j: _Trained(
                _out_of_the_way(self.compiled.fresh(self.heads.get(j)), self.folder), 0, None
            )
            for j in range(self.plan.n_folds)
        }

    def _batches(self, epoch: int) -> np.ndarray:
        return self.plan.batches(self.params.batch_size, hash_seed(self.seed, epoch))

    def advance(self, epoch: int, folds: Sequence[int] | None = None) -> dict[int, FoldOutcome]:
        """Train folds for one epoch on its view, one after the other.

        Args:
            epoch: The next one of each of them.
            folds: Which; None trains all. No fold knows of the others, so it ends where it ends
                whichever train with it. One that is past the epoch, because it was interrupted in
                it after that fold, says what it found.
        """
        wanted = range(self.plan.n_folds) if folds is None else folds
        behind = [fold for fold in wanted if self._folds[fold].n_epochs == epoch]
        if behind:
            arrays, labels = self.arrays_of_epoch(epoch)
            for fold in behind:
                self._folds[fold] = self._advanced(epoch, fold, arrays, labels)
        found = {fold: self._folds[fold].outcome for fold in wanted}
        return {fold: outcome for fold, outcome in found.items() if outcome is not None}

    def _advanced(self, epoch: int, fold: int, arrays: np.ndarray, labels: FloatArray) -> _Trained:
        self.compiled.put(self._folds[fold].variables)
        loss = self._train_fold(epoch, fold, arrays, labels)
        outcome = self._outcome(fold, loss)
        variables = _out_of_the_way(self.compiled.take(), self.folder)
        return _Trained(variables, epoch + 1, outcome)

    def _train_fold(self, epoch: int, fold: int, arrays: np.ndarray, labels: FloatArray) -> float:
        total, seen = 0.0, 0
        dropout_seed = tf.constant(hash_seed(self.seed, fold, DROPOUT), tf.int64)
        for rows in self._rows_of_steps(epoch, fold):
            loss = self.compiled.step(
                arrays[rows],
                labels[rows],
                self.plan.class_weights[fold],
                self.plan.alpha[fold],
                self._hyper,
                dropout_seed,
            )
            total += float(loss) * len(rows)
            seen += len(rows)
        return total / max(seen, 1)

    def _rows_of_steps(self, epoch: int, fold: int) -> Iterator[np.ndarray]:
        for batch in self._batches(epoch):
            rows = batch[batch >= 0]
            rows = rows[self.plan.fold_of[rows] != fold]
            if len(rows):
                yield np.sort(rows)

    def _outcome(self, fold: int, loss: float) -> FoldOutcome:
        rows = self.plan.rows_of(fold)
        if not len(rows):
            nothing = np.zeros((0, self.plan.class_weights.shape[1]), np.float32)
            return FoldOutcome(loss, nothing, None)
        shifted = None if self.shifted is None else self._predict(self.shifted, rows)
        return FoldOutcome(loss, self._predict(self.clean, rows), shifted)

    def _predict(self, arrays: np.ndarray, rows: np.ndarray) -> FloatArray:
        parts = [
            self.compiled.probabilities(arrays[rows[start : start + PREDICT_BATCH]]).numpy()
            for start in range(0, len(rows), PREDICT_BATCH)
        ]
        return np.concatenate(parts)

    def remember(self, fold: int) -> None:
        """Keep nothing: a fold's best predictions are in the history, and no stage follows."""

    def load(self, fold: int) -> None:
        """Put a fold's present state into the network: what a refit ends with."""
        self.compiled.put(self._folds[fold].variables)

    def state(self) -> State:
        """Give each fold's variables, what its optimizer remembers, and what it last found."""
        return {
            _part_name(fold): Part(trained.n_epochs, trained.arrays)
            for fold, trained in self._folds.items()
        }

    def restore(self, parts: Mapping[str, Arrays]) -> None:
        """Go on from what :meth:`state` gave; a fold of which nothing was kept is as it is."""
        for fold in self._folds:
            arrays = parts.get(_part_name(fold))
            if arrays is not None:
                self._folds[fold] = _Trained.of_arrays(arrays, self.folder)


def _part_name(fold: int) -> str:
    return f"fold-{fold}"


def _out_of_the_way(variables: Variables, folder: Path | None) -> Variables:
    """Map large states from a file without a name, which goes with the last reference to it."""
    if folder is None or sum(array.nbytes for array in variables) <= LARGEST_IN_MEMORY_BYTES:
        return variables
    with (
        tempfile.TemporaryFile(dir=folder) as file,
        disk_full_is_unavailable(f"the state of a fold is put aside in {folder}"),
    ):
        mapped = []
        for array in variables:
            place = file.tell()
            file.write(np.ascontiguousarray(array).data)
            file.write(bytes(-file.tell() % np.dtype(np.float64).alignment))
            mapped.append((place, array))
        file.flush()
        return [
            np.memmap(file, array.dtype, "r", offset=place, shape=array.shape)
            for place, array in mapped
        ]
