"""The records that pass between the parts of a trial, and the trial's contract with its caller."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from objectives.checkpoints import Checkpoints, NoCheckpoints
from objectives.settings import TrainSettings, ValidationSettings
from spaces.params import TrialParams

if TYPE_CHECKING:
    from objectives.sharing import SharingCounts

ImageArray = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
LabelArray = npt.NDArray[np.int64]
RowArray = npt.NDArray[np.int64]
Stage = Literal["head", "scratch", "finetune"]
Phase = Literal["head", "finetune"]
"""What a trial is told to do: its first stage, whichever that is, or to fine-tune its heads."""
View = Literal["clean", "shifted"]


@dataclass(frozen=True)
class LabelledImages:
    """A data set as trials read it: all rows, those that are left out included.

    ``images`` has shape ``(rows, image_px, image_px, 3)`` and may be memory-mapped; ``labels`` and
    ``content_hashes`` (of the pixels as they were before resizing) have one entry a row.
    """

    images: ImageArray
    labels: LabelArray
    class_names: tuple[str, ...]
    content_hashes: tuple[str, ...]
    fingerprint: str
    """SHA-256 over contents and labels: the same data, the same fingerprint, wherever it lies."""


@dataclass(frozen=True)
class Splits:
    """Which rows train and validate together, and which are held out."""

    rows: RowArray
    """Row numbers of the sweep: included, not held out; ascending."""
    fold_of: npt.NDArray[np.int64]
    """The fold, 0 to k - 1, of each entry of ``rows``."""
    holdout_rows: RowArray
    groups: RowArray
    """The group of every row of the data, those that are left out included. Rows of one group
    (exact copies, near copies, what the user says belongs together) tell about each other."""
    fold_hash: str

    def kin(self, rows: RowArray) -> RowArray:
        """Give all rows of the data, ascending, that are of one group with any of these."""
        return np.flatnonzero(np.isin(self.groups, self.groups[rows]))

    @property
    def n_folds(self) -> int:
        """The number of folds, k."""
        return int(self.fold_of.max()) + 1


class Reporter(Protocol):
    """Where a trial says how it goes, and hears whether to go on."""

    def report(self, stage: Stage, epoch: int, values: Mapping[int, float]) -> bool:
        """Report the score of each fold after an epoch (counted from 0); False ends the trial."""
        ...


@dataclass(frozen=True)
class TrialHead:
    """What a trial found in its first phase, perhaps days ago on another machine."""

    score: float
    fold_scores: tuple[float, ...]
    folder: Path
    """The trial's files of that phase, where they lie on this machine; it need not exist."""


def _watched_by_nobody(counts: "SharingCounts") -> None:
    """Hear of counts, and do nothing."""


@dataclass(frozen=True)
class TrialContext:
    """All that an objective may use besides its parameters."""

    data: LabelledImages
    splits: Splits
    validation: ValidationSettings
    train: TrainSettings
    seed: int
    """The sweep's seed: trials of one sweep share their draws."""
    home: Path
    """Where the stores of views and features live."""
    checkpoint_folder: Path
    """A folder of this trial's own for files and pictures."""
    reporter: Reporter
    max_store_bytes: int
    """Most bytes that views and features may take on this disk."""
    keep_views: bool
    """Whether augmented images are worth keeping: another backbone may read them."""
    phase: Phase = "head"
    """What is to be done; each phase is scored by itself."""
    head: TrialHead | None = None
    """What the first phase found; None while that is the one to be done."""
    incumbent: Path | None = None
    """Files of the best fine-tuned trial so far, if there is one and they lie on this machine."""
    checkpoints: Checkpoints = field(default_factory=NoCheckpoints)
    """Where the phase's state is kept, so that another worker can go on with it."""
    on_sharing: Callable[["SharingCounts"], None] = _watched_by_nobody
    """Hears of the counts of what the phase makes and finds made, which go on counting."""


@dataclass(frozen=True)
class ClassScores:
    """How one class was told from the others; scikit-learn's definitions."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class ViewSummary:
    """The numbers by which one compares what trials predict on one view."""

    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    log_loss: float
    """In nats."""
    calibration_error: float
    classes: Mapping[str, ClassScores]
    """By the class's name."""


@dataclass(frozen=True)
class UseCounts:
    """How often something was made and kept, found made, or made in passing and not kept."""

    made: int = 0
    reused: int = 0
    streamed: int = 0


@dataclass(frozen=True)
class Sharing:
    """How much of a trial's work was shared with others."""

    views: UseCounts
    features: UseCounts


@dataclass(frozen=True)
class TrialResult:
    """What a trial found. Out-of-fold arrays follow ``Splits.rows``, shape ``(rows, classes)``."""

    score: float
    """What the study maximises (log loss enters negated)."""
    clean: float
    shifted: float | None
    fold_scores: tuple[float, ...]
    epochs: Mapping[Stage, int]
    """Epochs per stage that the folds found: how long a refit trains. 0 skips the stage."""
    oof_clean: FloatArray
    oof_shifted: FloatArray | None
    curves: Mapping[str, Any]
    """``{"stage": [...], "clean": (epochs, k), "shifted": ..., "loss": ...}``, nan after a stop."""
    summaries: Mapping[View, ViewSummary] = field(default_factory=dict)
    """Of the out-of-fold predictions on each view."""
    stage_s: Mapping[Stage, float] = field(default_factory=dict)
    """Seconds that each stage took."""
    sharing: Sharing | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    """An objective's own further numbers, by any names."""
    artifacts: tuple[Path, ...] = ()
    """Files under the checkpoint folder to keep with the trial."""
    stopped: bool = False
    """True if the trial was ended early: the score is then that of the epochs run."""
    goes_on: bool = False
    """Whether a second phase, fine-tuning, could follow."""


Objective = Callable[[TrialParams, TrialContext], TrialResult]
