"""A small problem for whole trials: coloured noise, and a backbone of the tests' own."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from objectives.records import (
    LabelledImages,
    Sharing,
    Splits,
    Stage,
    TrialContext,
    TrialHead,
    TrialResult,
)
from objectives.settings import TrainSettings, ValidationSettings
from spaces.params import TrialParams

N_ROWS, PX, N_FOLDS, N_CLASSES = 90, 32, 3, 3


class RecordingReporter:
    """Hears everything, says what it is told to say."""

    def __init__(self, *, stop_after: int = 10**6) -> None:
        self.heard: list[tuple[Stage, int, dict[int, float]]] = []
        self._stop_after = stop_after

    def report(self, stage: Stage, epoch: int, values: Mapping[int, float]) -> bool:
        self.heard.append((stage, epoch, dict(values)))
        return len(self.heard) < self._stop_after

    @property
    def stages(self) -> list[tuple[Stage, int]]:
        return [(stage, epoch) for stage, epoch, _ in self.heard]


def small_context(home: Path, reporter: RecordingReporter | None = None) -> TrialContext:
    generator = np.random.default_rng(0)
    labels = np.arange(N_ROWS) % N_CLASSES
    colours = np.array([[200, 40, 40], [40, 200, 40], [40, 40, 200]])[labels]
    noise = generator.integers(-40, 40, (N_ROWS, PX, PX, 3))
    images = np.clip(colours[:, None, None, :] + noise, 0, 255).astype(np.uint8)
    data = LabelledImages(
        images, labels, ("red", "green", "blue"), tuple(map(str, range(N_ROWS))), "colours"
    )
    splits = Splits(
        np.arange(N_ROWS),
        np.arange(N_ROWS) // N_CLASSES % N_FOLDS,
        np.array([], int),
        np.arange(N_ROWS),
        "f",
    )
    return TrialContext(
        data,
        splits,
        ValidationSettings(folds=N_FOLDS),
        TrainSettings(head_epochs=3, finetune_epochs=2, patience=0),
        seed=3,
        home=home,
        checkpoint_folder=home / "trial",
        reporter=reporter or RecordingReporter(),
        max_store_bytes=10**9,
        keep_views=True,
    )


def small_params(**others: object) -> TrialParams:
    point = {
        "backbone": "tests.objectives.tiny_backbone:tiny_backbone",
        "weights": "imagenet",
        "policy": "randaugment",
        "strength": "low",
        "dense_units": 8,
        "batch_size": 16,
        "learning_rate": 0.01,
    }
    return TrialParams.model_validate({**point, **others})


def sharing_of(result: TrialResult) -> Sharing:
    assert result.sharing is not None
    return result.sharing


def assert_same(one: TrialResult, other: TrialResult) -> None:
    assert one.score == other.score
    np.testing.assert_array_equal(one.oof_clean, other.oof_clean)
    assert one.oof_shifted is not None
    assert other.oof_shifted is not None
    np.testing.assert_array_equal(one.oof_shifted, other.oof_shifted)


def second_phase(first: TrialResult, context: TrialContext) -> TrialContext:
    """Give what fine-tuning may use after a first phase."""
    assert first.goes_on
    head = TrialHead(first.score, first.fold_scores, context.checkpoint_folder)
    folder = context.home / "trial-finetune"
    return replace(context, phase="finetune", head=head, checkpoint_folder=folder)
