import json
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

from mlruns_config import names
from mlruns_config.registry.registry import find_alias, load_classifier, registry
from mlruns_config.settings import TrackingSettings
from objectives.evaluation.holdout import HoldoutViews
from objectives.records import LabelledImages, RowArray, Splits, Stage, TrialContext
from search.ledger.storage import connect
from search.ledger.sweeps import Ledger
from search.opening import OpenSweep
from search.preparation import Prepared
from search.promotion.book import PromotionBook
from search.promotion.promote import promote
from search.promotion.report import Promotion
from search.settings import RuntimeSettings
from search.sweep_file.sweep_file import SweepFile, check_sweep
from spaces.errors import InputError, RefusedError
from spaces.params import TrialParams
from spaces.space import Dimension, Space

pytestmark = pytest.mark.slow

CLASSES = ("null", "eins", "zwei")
GOOD, BAD, CUSTOM = 0, 1, 2
"""Trials: a fair model, one that learns nothing, one that cannot be loaded elsewhere."""


def _digits() -> LabelledImages:
    digits = load_digits(n_class=3)
    grey = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    images = np.repeat(np.repeat(grey, 2, axis=1), 2, axis=2)[..., None].repeat(3, axis=3)
    hashes = tuple(f"{index:064x}" for index in range(len(images)))
    return LabelledImages(images, digits.target.astype(np.int64), CLASSES, hashes, "f" * 64)


def _splits(n_rows: int, holdout_rows: np.ndarray) -> Splits:
    rows = np.setdiff1d(np.arange(n_rows), holdout_rows)
    return Splits(rows, np.arange(len(rows)) % 2, holdout_rows, "a" * 64)


def _refit(params: TrialParams, epochs: Mapping[Stage, int], context: TrialContext) -> keras.Model:
    """Train a small network for real; the learning rate tells the trials apart."""
    keras.utils.set_random_seed(context.seed)
    images = keras.Input((None, None, 3), dtype="uint8", name="images")
    x = keras.layers.Rescaling(1 / 255)(keras.layers.Resizing(16, 16)(images))
    x = keras.layers.Flatten()(keras.layers.Reshape((16, 16, 3))(x))
    if params.dropout:
        x = keras.layers.Lambda(lambda value: value * 2)(x)
    x = keras.layers.Dense(len(CLASSES), activation="softmax", dtype="float32")(x)
    model = keras.Model(images, x)
    model.compile(keras.optimizers.Adam(params.learning_rate), "sparse_categorical_crossentropy")
    rows = context.splits.rows
    for epoch in range(epochs["scratch"]):
        fitted = model.fit(
            context.data.images[rows], context.data.labels[rows], batch_size=32, verbose=0
        )
        context.reporter.report("scratch", epoch, {0: fitted.history["loss"][0]})
    return model


def _views(data: LabelledImages) -> Callable[[RowArray], HoldoutViews]:
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
        self.storage = connect(f"sqlite:///{folder}/foldsweep.db")
        self.settings = RuntimeSettings(home=folder, storage_url=str(self.storage.url), store_gb=1)

    def sweep(self, name: str, holdout_rows: np.ndarray, *, finished: bool = True) -> OpenSweep:
        file = _file(name)
        row = Ledger(self.storage).create_sweep(
            name, file.as_written(), fingerprint="f" * 64, fold_hash="a" * 64, trials=4
        )
        space = Space((Dimension("optimizer", "choice", choices=("adamw",)),))
        prepared = Prepared(self.data, _splits(len(self.data.labels), holdout_rows))
        opened = OpenSweep(file, self.settings, self.tracking, self.storage, row, space, prepared)
        if finished:
            _finish_trials(opened)
        return opened

    def promote(self, opened: OpenSweep, trial: int | None = None, **options: object) -> Promotion:
        return promote(opened, trial=trial, refit=_refit, views=_views(self.data), **options)  # type: ignore[arg-type]

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
        opened.slots.assign_trial(slot, number, number)
        opened.slots.note_params(slot, params)
        detail = {"epochs": {"scratch": 4}}
        opened.slots.finish(slot, "done", score=0.9 - 0.1 * number, clean=0.9, detail=detail)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("promotion"))


@pytest.fixture(scope="module")
def digits(home: Home) -> OpenSweep:
    return home.sweep("digits", np.arange(0, 537, 5))


@pytest.fixture(scope="module")
def first(home: Home, digits: OpenSweep) -> Promotion:
    """The best trial, promoted where there is no champion yet."""
    return home.promote(digits)


def test_the_best_trial_becomes_the_champion(home: Home, first: Promotion) -> None:
    shown = json.loads(json.dumps(first.to_json()))
    assert (shown["model"], shown["version"], shown["alias"]) == ("digits", 1, "champion")
    assert (shown["trials"], shown["passed"], shown["looks"]) == ([GOOD], True, 1)
    assert shown["champion_before"] is None
    for view in ("clean", "shifted", "corrupted"):
        low, high = shown["holdout"][view]["interval"]
        assert 0.5 < low <= shown["holdout"][view]["score"] <= high <= 1
    assert "majority class's rate" in shown["reason"]
    assert home.champion("digits") == 1


def test_the_registered_version_says_where_it_comes_from(home: Home, first: Promotion) -> None:
    tags = home.version_tags("digits", 1)
    assert tags[names.TAG_SWEEP] == "digits"
    assert tags[names.TAG_TRIAL] == str(GOOD)
    assert tags[names.TAG_FINGERPRINT] == "f" * 64
    assert tags[names.TAG_FOLD_HASH] == "a" * 64
    assert json.loads(tags[names.TAG_CLASS_NAMES]) == list(CLASSES)
    assert json.loads(tags[names.TAG_HOLDOUT]) == first.to_json()["holdout"]
    assert (tags[names.TAG_GATE], tags[names.TAG_VERIFIED]) == ("passed", "yes")
    assert tags[names.TAG_REASON] == first.reason


def test_the_registered_model_scores_on_the_holdout_what_was_reported(
    home: Home, digits: OpenSweep, first: Promotion
) -> None:
    classifier = load_classifier(home.tracking, "models:/digits@champion")
    rows = digits.prepared.splits.holdout_rows
    answers = classifier.predict(home.data.images[rows]).argmax(axis=1)
    assert np.mean(answers == home.data.labels[rows]) == pytest.approx(first.holdout.clean.score)
    assert first.decision.score == pytest.approx(
        (first.holdout.clean.score + first.holdout.shifted.score) / 2  # type: ignore[union-attr]
    )


def test_the_run_holds_curves_scores_and_pictures(home: Home, first: Promotion) -> None:
    with registry(home.tracking) as client:
        run = client.get_run(first.run_id)
        curve = client.get_metric_history(first.run_id, "refit/scratch_loss")
        files = {entry.path for entry in client.list_artifacts(first.run_id)}
    assert run.info.run_name == f"promote-digits-trial-{GOOD}"
    assert run.info.status == "FINISHED"
    assert [point.step for point in curve] == [0, 1, 2, 3]
    assert run.data.metrics["holdout/shifted"] == pytest.approx(first.holdout.shifted.score)  # type: ignore[union-attr]
    assert {"holdout_scores.png", "holdout_confusion.png"} <= files


def test_a_worse_challenger_is_refused_and_not_registered(
    home: Home, digits: OpenSweep, first: Promotion
) -> None:
    refused = home.promote(digits, BAD)
    assert not refused.passed
    assert (refused.version, refused.alias, refused.champion_before) == (None, None, 1)
    assert refused.decision.interval[1] < -0.01
    assert "against the champion's" in refused.reason
    assert refused.champion_holdout is not None
    assert refused.champion_holdout.clean == first.holdout.clean
    assert home.champion("digits") == 1
    with registry(home.tracking) as client:
        assert len(client.search_model_versions("name='digits'")) == 1
        assert client.get_run(refused.run_id).data.tags[names.TAG_GATE] == "failed"


def test_force_registers_a_refused_challenger_and_says_so(
    home: Home, digits: OpenSweep, first: Promotion
) -> None:
    before = PromotionBook(home.storage).all()
    forced = home.promote(digits, BAD, model="forced", force=True)
    assert not forced.passed
    assert forced.forced
    assert (forced.version, forced.alias) == (1, "champion")
    assert home.version_tags("forced", 1)[names.TAG_GATE] == "forced"
    look = PromotionBook(home.storage).all()[-1]
    assert (look.forced, look.passed, look.version) == (True, False, 1)
    assert forced.looks == len(before) + 1


def test_a_promotion_that_is_killed_leaves_the_alias_alone_and_its_look_counted(
    home: Home, digits: OpenSweep, first: Promotion
) -> None:
    looks_before = len(PromotionBook(home.storage).all())

    def kill(text: str) -> None:
        if text.startswith("loading"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        home.promote(digits, GOOD, model="killed", on_progress=kill)
    assert home.champion("killed") is None
    assert home.version_tags("killed", 1)[names.TAG_VERIFIED] == "no"
    book = PromotionBook(home.storage).all()
    assert len(book) == looks_before + 1
    assert (book[-1].version, book[-1].aliased_at) == (None, None)
    with registry(home.tracking) as client:
        assert client.get_run(book[-1].run_id).info.status == "KILLED"


def test_a_model_that_others_cannot_load_never_gets_the_alias(
    home: Home, digits: OpenSweep
) -> None:
    with pytest.raises(RefusedError, match="cannot be loaded in a process without foldsweep"):
        home.promote(digits, CUSTOM, model="custom", force=True)
    assert home.champion("custom") is None
    assert home.version_tags("custom", 1)[names.TAG_VERIFIED] == "no"


def test_images_that_the_champion_was_trained_on_do_not_count(home: Home, first: Promotion) -> None:
    # This sweep holds other rows out, most of which the champion was trained on.
    wider = home.sweep("wider", np.arange(0, 537, 2)[:270])
    found = home.promote(wider, BAD, model="digits")
    both = np.intersect1d(np.arange(0, 537, 5), np.arange(0, 537, 2)[:270])
    assert found.decision.n_images == len(both)
    assert not found.passed


def test_a_champion_of_other_classes_is_refused_before_anything_is_trained(
    home: Home, first: Promotion
) -> None:
    other = Home.__new__(Home)
    other.__dict__.update(home.__dict__)
    other.data = LabelledImages(
        home.data.images, home.data.labels, ("a", "b", "c"), home.data.content_hashes, "f" * 64
    )
    sweep = other.sweep("letters", np.arange(0, 537, 5))
    with pytest.raises(InputError, match=r"knows the classes null, eins, zwei.*--model"):
        other.promote(sweep, GOOD, model="digits")


def test_a_trial_that_is_not_there_is_wrong_input(home: Home, digits: OpenSweep) -> None:
    with pytest.raises(
        InputError, match="trial 99 of digits does not exist; finished are: 0, 1, 2"
    ):
        home.promote(digits, 99)


def test_a_sweep_that_holds_nothing_out_cannot_be_promoted(home: Home) -> None:
    with pytest.raises(InputError, match=r"data\.holdout above 0"):
        home.promote(home.sweep("greedy", np.empty(0, dtype=np.int64)))


def test_a_sweep_without_finished_trials_cannot_be_promoted(home: Home) -> None:
    with pytest.raises(InputError, match="no trial of idle is finished"):
        home.promote(home.sweep("idle", np.arange(9), finished=False))


def test_a_reserved_alias_is_refused_before_anything_is_trained(
    home: Home, digits: OpenSweep
) -> None:
    looks = len(PromotionBook(home.storage).all())
    with pytest.raises(InputError, match="latest"):
        home.promote(digits, GOOD, alias="latest")
    assert len(PromotionBook(home.storage).all()) == looks
