"""What a trial in fine-tuning predicts after every epoch, until its epoch is chosen.

The folds run one after another, and the epoch is chosen by all of them together: until the last
one has run, no epoch can be left out. A trial that is compared with this one later on reads them
too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from objectives.checkpoints import Arrays
from objectives.evaluation.history import FoldOutcome
from objectives.evaluation.scored_views import scored_views
from objectives.records import FloatArray, RowArray, View
from objectives.settings import ScoreKind
from spaces.files import replacing

HalfArray = npt.NDArray[np.float16]
FILE = "finetune_predictions.npz"


@dataclass(frozen=True)
class EpochPredictions:
    """Probabilities by view, shape ``(epochs, rows, classes)``, in half precision."""

    views: Mapping[View, HalfArray]

    @classmethod
    def empty(
        cls, views: Sequence[View], *, n_epochs: int, n_rows: int, n_classes: int
    ) -> "EpochPredictions":
        """Make room for the predictions of all epochs."""
        shape = (n_epochs, n_rows, n_classes)
        return cls({view: np.zeros(shape, np.float16) for view in views})

    @property
    def n_epochs(self) -> int:
        """The number of epochs."""
        return len(self.views["clean"])

    def put(self, epoch: int, rows: RowArray, outcome: FoldOutcome) -> None:
        """Take what a fold predicted for its rows after an epoch."""
        self.views["clean"][epoch, rows] = outcome.clean
        if outcome.shifted is not None:
            self.views["shifted"][epoch, rows] = outcome.shifted

    def outcome(self, epoch: int, rows: RowArray, loss: float) -> FoldOutcome:
        """Give back what :meth:`put` took, in single precision, each row with the sum 1."""
        clean, shifted = self.views["clean"], self.views.get("shifted")
        return FoldOutcome(
            loss,
            _widened(clean[epoch, rows]),
            None if shifted is None else _widened(shifted[epoch, rows]),
        )

    def arrays(self, epoch: int) -> Arrays:
        """Give all predictions of an epoch, for a checkpoint."""
        return {str(view): table[epoch] for view, table in self.views.items()}

    def restore(self, epoch: int, arrays: Arrays) -> None:
        """Take what :meth:`arrays` gave."""
        for view, table in self.views.items():
            table[epoch] = arrays[view]

    def selected(self, epoch: int, rows: RowArray, kind: ScoreKind) -> FloatArray:
        """Give the views that the sweep's score looks at, shape ``(views, rows, classes)``."""
        scored = scored_views(kind, self.views["clean"], self.views.get("shifted"))
        return np.stack([_widened(view[epoch, rows]) for view in scored])

    def is_of_same_shape(self, other: "EpochPredictions") -> bool:
        """Say whether both have the same views, epochs, rows and classes."""
        return {k: v.shape for k, v in self.views.items()} == {
            k: v.shape for k, v in other.views.items()
        }

    def save(self, path: Path) -> Path:
        """Write them to a file, which is there whole or not at all."""
        with replacing(path) as file:
            np.savez_compressed(
                file, allow_pickle=False, **{str(k): v for k, v in self.views.items()}
            )
        return path

    @classmethod
    def load(cls, path: Path) -> "EpochPredictions":
        """Read what :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls({cast(View, name): arrays[name] for name in arrays.files})


def load_predictions(folder: Path | None) -> EpochPredictions | None:
    """Read the predictions of the trial whose files lie in a folder; None if it left none there."""
    if folder is None or not (folder / FILE).is_file():
        return None
    return EpochPredictions.load(folder / FILE)


def _widened(probabilities: HalfArray) -> FloatArray:
    wide: FloatArray = probabilities.astype(np.float32)
    wide /= wide.sum(axis=-1, keepdims=True)
    return wide
