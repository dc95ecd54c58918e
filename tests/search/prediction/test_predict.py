from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from mlruns_config.client import ensure_experiment
from mlruns_config.registry.promotion_run import PromotionRun
from mlruns_config.registry.registry import log_classifier, move_alias, register
from mlruns_config.registry.saved_classifier import Classifier
from mlruns_config.settings import TrackingSettings
from search.prediction.images import count_pictures
from search.prediction.predict import predict
from spaces.errors import InputError, UnavailableError

pytestmark = pytest.mark.slow

URI = "models:/colours@champion"
COLOURS = {"red": (230, 10, 20), "green": (5, 220, 40), "blue": (15, 0, 240)}


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> TrackingSettings:
    """A registry whose champion names the strongest of an image's channels."""
    folder = tmp_path_factory.mktemp("prediction")
    settings = TrackingSettings(f"sqlite:///{folder}/mlflow.db", str(folder / "artifacts"))
    images = keras.Input((None, None, 3), dtype="uint8", name="images")
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 25)(images))
    model = keras.Model(images, keras.layers.Softmax(dtype="float32")(x))
    experiment_id = ensure_experiment(settings, "colours", {})
    run = PromotionRun.start(settings, experiment_id, "promote-colours-trial-0", {})
    example = np.zeros((1, 8, 8, 3), dtype=np.uint8)
    classifier = Classifier(model, tuple(COLOURS))
    logged = log_classifier(settings, run.run_id, classifier, example=example)
    move_alias(settings, register(settings, "colours", logged, {}), "champion")
    return settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures of several sizes and formats, and a file that is none."""
    (tmp_path / "deep").mkdir()
    Image.new("RGB", (20, 30), COLOURS["red"]).save(tmp_path / "a.png")
    Image.new("RGB", (20, 30), COLOURS["green"]).save(tmp_path / "b.png")
    Image.new("RGB", (64, 9), COLOURS["blue"]).save(tmp_path / "deep" / "c.jpg")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("not an image")
    return tmp_path


def test_files_of_any_size_are_classified_and_a_broken_one_does_not_stop_the_rest(
    tracking: TrackingSettings, folder: Path
) -> None:
    found = predict(URI, [folder], tracking=tracking)
    names = [Path(entry["path"]).name for entry in found]
    assert names == ["a.png", "b.png", "broken.png", "c.jpg"]
    assert [entry["class"] for entry in found] == ["red", "green", None, "blue"]
    assert "broken.png" in str(found[2]["error"])
    assert found[2]["probabilities"] == {}


def test_probabilities_are_named_and_those_of_a_softmax_by_hand(
    tracking: TrackingSettings, folder: Path
) -> None:
    (found,) = predict(URI, [folder / "a.png"], tracking=tracking)
    logits = np.array(COLOURS["red"]) / 25
    expected = np.exp(logits) / np.exp(logits).sum()
    assert list(found["probabilities"]) == list(COLOURS)
    assert list(found["probabilities"].values()) == pytest.approx(expected.tolist(), abs=1e-5)
    assert found["probability"] == pytest.approx(expected.max(), abs=1e-5)


def test_an_array_file_is_classified_row_by_row(tracking: TrackingSettings, tmp_path: Path) -> None:
    images = np.stack([np.full((7, 7, 3), colour, dtype=np.uint8) for colour in COLOURS.values()])
    np.savez(tmp_path / "images.npz", images=images)
    np.savez(tmp_path / "unit.npz", images=images.astype(np.float32) / 255)
    np.savez(tmp_path / "other.npz", labels=np.arange(3))
    paths = [tmp_path / name for name in ("images.npz", "unit.npz", "other.npz")]
    found = predict(URI, paths, tracking=tracking)
    assert [entry["class"] for entry in found] == [*COLOURS, *COLOURS, None]
    assert found[1]["path"] == f"{tmp_path}/images.npz[1]"
    assert "has no images" in str(found[6]["error"])


def test_more_pictures_than_a_batch_come_back_in_order(
    tracking: TrackingSettings, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 3, 150)
    colours = np.array(list(COLOURS.values()), dtype=np.uint8)[rows]
    np.savez(tmp_path / "many.npz", images=np.tile(colours[:, None, None], (1, 5, 6, 1)))
    found = predict(URI, [tmp_path / "many.npz"], tracking=tracking)
    assert [entry["class"] for entry in found] == [list(COLOURS)[row] for row in rows]


def test_an_empty_folder_is_reported(tracking: TrackingSettings, tmp_path: Path) -> None:
    (found,) = predict(URI, [tmp_path], tracking=tracking)
    assert "has no images" in str(found["error"])


def test_an_unknown_model_or_path_is_wrong_input(tracking: TrackingSettings, folder: Path) -> None:
    with pytest.raises(InputError, match=r"no model 'models:/nobody@champion'.*models:/colours@"):
        predict("models:/nobody@champion", [folder], tracking=tracking)
    with pytest.raises(InputError, match="there is no file or folder"):
        predict(URI, [folder / "missing.png"], tracking=tracking)


def test_an_mlflow_that_does_not_answer_is_unavailable(folder: Path) -> None:
    nobody = TrackingSettings("http://127.0.0.1:9", None)
    with pytest.raises(UnavailableError, match="does not answer"):
        predict(URI, [folder], tracking=nobody)


def test_pictures_are_counted_before_they_are_read_and_heard_of_one_by_one(
    tracking: TrackingSettings, folder: Path, tmp_path: Path
) -> None:
    np.savez(tmp_path / "more.npz", images=np.zeros((3, 4, 4, 3), np.uint8))
    (tmp_path / "damaged.npz").write_bytes(b"no archive")
    paths = [folder / "deep", folder / "a.png", tmp_path / "more.npz", tmp_path / "damaged.npz"]
    heard: list[int] = []
    found = predict(URI, paths, tracking=tracking, on_progress=heard.append)
    assert count_pictures(paths) == len(found) == 6
    assert heard == list(range(1, 7))


def test_what_the_model_goes_by_is_shown_beside_each_picture_that_was_read(
    tracking: TrackingSettings, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    why = tmp_path_factory.mktemp("explained") / "why"
    picture = np.zeros((12, 12, 3), np.uint8)
    picture[:6] = COLOURS["red"]
    Image.fromarray(picture).save(folder / "half red.png")
    found = predict(URI, [folder], explain=why, tracking=tracking)
    shown = [entry["explanation"] for entry in found]
    assert [name is None for name in shown] == [entry["class"] is None for entry in found]
    assert sorted(why.iterdir()) == sorted(Path(name) for name in shown if name)
    half_red = next(Path(name) for name in shown if name and "half-red" in name)
    tinted = np.asarray(Image.open(half_red)).astype(int)[:, -1]
    redness = tinted[:, 0] - tinted[:, 2]
    assert redness[0] > 30 > redness[-1]


def test_a_home_without_a_registry_is_told_and_none_is_made(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOLDSWEEP_HOME", str(tmp_path / "none"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(InputError, match="no model was registered yet"):
        predict(URI, [folder])
    assert not (tmp_path / "none").exists()
