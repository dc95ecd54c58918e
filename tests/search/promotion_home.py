"""A sweep with finished trials on real digits, and a refit that trains a small network for real."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sklearn.datasets import load_digits

from mlruns_config.description.trial import OOF
from mlruns_config.registry.registry import find_alias, registry
from mlruns_config.settings import TrackingSettings
from objectives.evaluation.holdout import HoldoutViews
from objectives.records import (
    LabelledImages,
    RowArray,
    Splits,
    Stage,
    TrialContext,
    TrialResult,
)
from search.oof_file import save_oof
from search.open_sweep import OpenSweep
from search.preparation import Prepared
from search.promotion.promote import promote
from search.promotion.report import Promotion
from search.settings import RuntimeSettings
from search.storage.storage import open_storage
from search.sweep_file.sweep_file import SweepFile, check_sweep
from spaces.params import TrialParams
from spaces.space import Dimension, Space
from tests.search.small_sweep import enter_sweep

if TYPE_CHECKING:
    from objectives.networks.serving import TrainedNetwork

CLASSES = ("null", "eins", "zwei")
GOOD, BAD, CUSTOM = 0, 1, 2
"""Trials: a fair model, one that learns nothing, one that cannot be loaded elsewhere."""


def _digits() -> LabelledImages:
    digits = load_digits(n_class=3)
    grey = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    images = np.repeat(np.repeat(grey, 2, axis=1), 2, axis=2)[..., None].repeat(3, axis=3)
    hashes = tuple(f"{index:064x}" for index in range(len(images)))
    return LabelledImages(images, digits.target.astype(np.int64), CLASSES, hashes, "f" * 64)


def _splits(holdout_rows: RowArray, groups: RowArray) -> Splits:
    rows = np.setdiff1d(np.arange(len(groups)), holdout_rows)
    return Splits(rows, np.arange(len(rows)) % 2, holdout_rows, groups, "a" * 64)


def build(params: TrialParams, *_: object) -> "TrainedNetwork":
    """Give the network of a trial as it is before training."""
    import keras

    from objectives.networks.serving import TrainedNetwork

    keras.utils.set_random_seed(0)
    pixels = keras.Input((16, 16, 3))
    trunk = keras.Model(pixels, keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(pixels)))
    features = keras.Input(trunk.output_shape[1:])
    x = features
    if params.dropout:
        x = keras.layers.Lambda(lambda value: value * 2)(x)
    return TrainedNetwork(trunk, keras.Model(features, keras.layers.Dense(len(CLASSES))(x)), "flat")


def refit(
    params: TrialParams, epochs: Mapping[Stage, int], context: TrialContext
) -> "TrainedNetwork":
    """Train a small network for real; the learning rate tells the trials apart."""
    import keras

    network = build(params)
    model = keras.Sequential([network.trunk, network.head, keras.layers.Softmax()])
    model.compile(keras.optimizers.Adam(params.learning_rate), "sparse_categorical_crossentropy")
    rows = context.splits.rows
    pixels = context.data.images[rows].astype(np.float32)
    for epoch in range(epochs["scratch"]):
        fitted = model.fit(pixels, context.data.labels[rows], batch_size=32, verbose=0)
        context.reporter.report("scratch", epoch, {0: fitted.history["loss"][0]})
    return network


def make_views(data: LabelledImages) -> Callable[[RowArray], HoldoutViews]:
    def views(rows: RowArray) -> HoldoutViews:
        noise = np.random.default_rng(0).integers(-60, 60, data.images[rows].shape)
        shifted = np.clip(data.images[rows] + noise, 0, 255).astype(np.uint8)
        darker = ("darker", lambda images: images // 2)
        return HoldoutViews(shifted, (darker, ("none", lambda images: images)))

    return views


class Home:
    """A sweep on digits with three finished trials, a storage and an MLflow of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = _digits()
        self.tracking = TrackingSettings(f"sqlite:///{folder}/mlflow.db", str(folder / "art"))
        self.storage = open_storage(f"sqlite:///{folder}/foldsweep.db")
        self.settings = RuntimeSettings(home=folder, storage_url=str(self.storage.url), store_gb=1)

    def sweep(
        self,
        name: str,
        holdout_rows: RowArray,
        *,
        groups: RowArray | None = None,
        finished: bool = True,
    ) -> OpenSweep:
        """Open a sweep of that name, or make it."""
        file = _file(name)
        known = self.storage.sweeps.find(name)
        row = known or enter_sweep(
            self.storage, name, file=file.as_written(), fold_hash="a" * 64, trials=4
        )
        space = Space((Dimension("optimizer", "choice", choices=("adamw",)),))
        grouped = np.arange(len(self.data.labels)) if groups is None else groups
        prepared = Prepared(self.data, _splits(holdout_rows, grouped))
        opened = OpenSweep(file, self.settings, self.tracking, self.storage, row, space, prepared)
        if finished and known is None:
            _finish_trials(opened)
        return opened

    def promote(self, opened: OpenSweep, trial: int | None = None, **options: object) -> Promotion:
        own = {"refit": refit, "views": make_views(self.data), **options}
        return promote(opened, trial=trial, **own)  # type: ignore[arg-type]

    def keep_predictions(
        self, opened: OpenSweep, trial: int, clean: np.ndarray, shifted: np.ndarray | None
    ) -> Path:
        """Leave what a trial predicted out of fold on this machine, as its worker would."""
        slot = next(slot for slot in opened.slots.all() if slot.trial == trial)
        result = TrialResult(
            score=0.0,
            clean=0.0,
            shifted=None,
            fold_scores=(),
            epochs={},
            oof_clean=clean.astype(np.float32),
            oof_shifted=None if shifted is None else shifted.astype(np.float32),
            curves={},
        )
        folder = opened.trial_folder(slot)
        save_oof(opened, result, folder)
        return folder / OOF.name

    def run_states(self, sweep: str) -> list[str]:
        """States of the runs of all promotions of a sweep, the oldest first."""
        with registry(self.tracking) as client:
            experiment = client.get_experiment_by_name(sweep)
            found = client.search_runs(
                [experiment.experiment_id], order_by=["attributes.start_time ASC"]
            )
        return [run.info.status for run in found]

    def version_tags(self, model: str, version: int) -> dict[str, str]:
        with registry(self.tracking) as client:
            return dict(client.get_model_version(model, str(version)).tags)

    def champion(self, model: str) -> int | None:
        found = find_alias(self.tracking, model, "champion")
        return None if found is None else found.number


def _file(name: str) -> SweepFile:
    return check_sweep(
        {"sweep": name, "data": {"path": "/data/digits.npz", "image_px": 16}}, origin="a test"
    )


def _finish_trials(opened: OpenSweep) -> None:
    points = {
        GOOD: {"backbone": "small_cnn", "learning_rate": 0.01},
        BAD: {"backbone": "small_cnn", "learning_rate": 1e-9},
        CUSTOM: {"backbone": "small_cnn", "learning_rate": 0.01, "dropout": 0.5},
    }
    for number, params in points.items():
        slot = opened.slots.claim("tester")
        assert slot is not None
        opened.slots.assign_trial(slot, number)
        opened.slots.note_params(slot, params)
        detail = {"epochs": {"scratch": 4}}
        opened.slots.finish(slot, "done", score=0.9 - 0.1 * number, clean=0.9, detail=detail)
