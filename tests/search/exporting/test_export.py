import json
import math
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from mlruns_config.registry.keras_file import file_digest
from mlruns_config.settings import TrackingSettings
from objectives.exporting import saved_model_format
from objectives.exporting.exporter import Predict
from objectives.records import FloatArray, ImageArray
from search.exporting.export import export_model
from spaces.errors import InputError, RefusedError, UnavailableError
from tests.objectives.exporting.served_models import CLASSES, PX, tiny_single
from tests.search.registered_model import register_model

URI = "models:/cells@champion"
NOBODY = TrackingSettings("http://127.0.0.1:9", None)
"""A registry that does not answer: asking it is an error of its own."""


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> TrackingSettings:
    folder = tmp_path_factory.mktemp("registry")
    settings, _ = register_model(folder, tiny_single(), CLASSES, example_px=PX)
    return settings


@pytest.mark.slow
def test_an_export_says_what_it_is_and_how_it_answers(
    tracking: TrackingSettings, tmp_path: Path
) -> None:
    found = export_model(URI, "keras", tmp_path / "cells.keras", tracking=tracking)
    document = json.loads(json.dumps(found.to_json()))
    path = tmp_path / "cells.keras"
    assert document["model_sha256"] == file_digest(path)
    assert document["n_bytes"] == path.stat().st_size
    assert (document["uri"], document["version"]) == ("models:/cells/1", 1)
    assert (document["format"], document["path"]) == ("keras", str(path))
    assert document["class_names"] == list(CLASSES)
    assert document["image_px"] is None
    assert (document["checked_on"], document["images"]) == ("input example", 1)
    assert document["largest_difference"] <= document["tolerance"]
    assert document["same_class"] == 1
    assert document["latency_ms"].keys() == {"keras", "exported"}
    assert all(ms > 0 for ms in document["latency_ms"]["exported"].values())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["onnx", "tflite"])
def test_formats_without_a_resize_are_checked_on_images_resized_before(
    name: str, tracking: TrackingSettings, tmp_path: Path
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    draws = np.random.default_rng(0)
    for row, size in enumerate(((40, 50), (PX, PX), (9, 9), (40, 50))):
        pixels = draws.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{row}.png")
    out = tmp_path / f"cells.{name}"
    found = export_model(URI, name, out, images=[folder], tracking=tracking)
    assert out.is_file()
    assert found.image_px == PX
    assert found.comparison.n_images == 4
    assert found.comparison.largest_difference <= found.export_format.tolerance
    assert found.checked_on == str(folder)


@pytest.mark.slow
def test_a_saved_model_is_checked_on_images_of_their_own_sizes(
    tracking: TrackingSettings, tmp_path: Path
) -> None:
    images = np.random.default_rng(1).integers(0, 256, (5, 33, 20, 3), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", images=images)
    out = tmp_path / "cells"
    paths = [tmp_path / "images.npz"]
    found = export_model(URI, "saved_model", out, images=paths, tracking=tracking)
    assert found.comparison.n_images == 5
    answer = tf.saved_model.load(str(out)).serve(images).numpy()
    np.testing.assert_allclose(answer, tiny_single().predict_on_batch(images), atol=1e-5)
    with pytest.raises(InputError, match="exists"):
        export_model(URI, "saved_model", out, tracking=tracking)


def answering_otherwise(by: float) -> object:
    """A loader whose model gives other probabilities than those that were written."""
    load = saved_model_format.load

    def altered(path: Path) -> Predict:
        predict = load(path)

        def answer(images: ImageArray) -> FloatArray:
            return predict(images) + np.float32(by)

        return answer

    return altered


@pytest.mark.slow
@pytest.mark.parametrize("by", [0.001, math.nan])
def test_an_export_that_answers_otherwise_is_refused_and_leaves_nothing(
    by: float, tracking: TrackingSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_model_format, "load", answering_otherwise(by))
    with pytest.raises(RefusedError, match="answers otherwise than the registered model"):
        export_model(URI, "saved_model", tmp_path / "cells", tracking=tracking)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_model_that_a_format_cannot_hold_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    """TensorFlow Lite has no singular value decomposition."""
    images = keras.Input((None, None, 3), dtype="uint8", name="images")
    resized = keras.layers.Resizing(8, 8, dtype="float32")(keras.ops.cast(images, "float32"))
    values = keras.ops.svd(keras.ops.mean(resized, axis=-1), full_matrices=False)[1]
    model = keras.Model(images, keras.layers.Dense(3, activation="softmax")(values))
    settings, _ = register_model(tmp_path / "registry", model, CLASSES)
    out = tmp_path / "out" / "cells.tflite"
    with pytest.raises(InputError, match=r"models:/cells/1 cannot be written as tflite: "):
        export_model(URI, "tflite", out, tracking=settings)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.slow
def test_a_model_whose_size_is_not_known_is_refused_where_it_must_be(tmp_path: Path) -> None:
    images = keras.Input((None, None, 3), dtype="uint8", name="images")
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(images))
    settings, _ = register_model(tmp_path / "registry", keras.Model(images, x), CLASSES)
    with pytest.raises(InputError, match="has no resize of its own"):
        export_model(URI, "onnx", tmp_path / "cells.onnx", tracking=settings)
    assert not (tmp_path / "cells.onnx").exists()


@pytest.mark.slow
def test_an_image_to_check_on_that_cannot_be_read_ends_the_export(
    tracking: TrackingSettings, tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    paths = [tmp_path / "broken.png"]
    with pytest.raises(InputError, match=r"that can be read: .*broken\.png"):
        export_model(URI, "keras", tmp_path / "c.keras", images=paths, tracking=tracking)
    assert not (tmp_path / "c.keras").exists()


def test_what_is_wrong_with_the_command_is_told_before_the_registry_is_asked(
    tmp_path: Path,
) -> None:
    with pytest.raises(InputError, match=r"unknown format 'onx'; known: onnx, "):
        export_model(URI, "onx", tmp_path / "c.onnx", tracking=NOBODY)
    missing = [tmp_path / "none.png"]
    with pytest.raises(InputError, match="there is no file or folder"):
        export_model(URI, "keras", tmp_path / "c.keras", images=missing, tracking=NOBODY)
    with pytest.raises(UnavailableError, match="does not answer"):
        export_model(URI, "keras", tmp_path / "c.keras", tracking=NOBODY)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError) as caught:
        export_model(URI, "onnx", tmp_path / "c.onnx", tracking=NOBODY)
    assert "the format onnx needs packages" in str(caught.value)
    assert "onnxruntime, tf2onnx): pip install" in str(caught.value)
    assert "pip install 'foldsweep[export]'" in str(caught.value)
