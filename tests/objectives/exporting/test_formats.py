"""Every format answers as Keras does, on 200 real images."""

from pathlib import Path

import keras
import numpy as np
import pytest

from objectives.data.resizing import resize
from objectives.exporting.comparison import compare
from objectives.exporting.exporter import Source, exporter_of
from objectives.exporting.formats import FORMATS
from objectives.networks.served_parts import served_image_px, without_resize
from objectives.records import ImageArray
from tests.objectives.exporting.served_models import (
    N_IMAGES,
    PX,
    mobilenet_ensemble,
    real_images,
    tiny_ensemble,
    tiny_single,
)

MOBILENET_PX = 96


def resized(images: ImageArray, image_px: int) -> ImageArray:
    return np.stack([resize(image, image_px) for image in images])


def written(model: keras.Model, folder: Path) -> Source:
    path = folder / "registered.keras"
    model.save(path)
    return Source(model, path)


def differ_at_most(name: str, model: keras.Model, images: ImageArray, folder: Path) -> float:
    """Export, load and ask in batches of two sizes; give the largest difference."""
    export_format = FORMATS[name]
    exporter = exporter_of(export_format)
    path = folder / f"exported{export_format.suffix}"
    exporter.write(written(model, folder), path)
    batches = [images[:7], images[7:]]
    found = compare(model.predict_on_batch, exporter.load(path), batches)
    assert found.n_images == N_IMAGES
    assert found.same_class >= 0.99
    return found.largest_difference


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_an_ensemble_over_flips_and_turns_answers_alike_in_every_format(
    name: str, tmp_path: Path
) -> None:
    images = resized(real_images(PX), PX)
    found = differ_at_most(name, tiny_ensemble(), images, tmp_path)
    assert found <= FORMATS[name].tolerance


@pytest.mark.slow
@pytest.mark.parametrize("name", ["onnx", "tflite"])
def test_an_ensemble_that_votes_answers_alike(name: str, tmp_path: Path) -> None:
    images = resized(real_images(PX), PX)
    found = differ_at_most(name, tiny_ensemble("majority"), images, tmp_path)
    assert found <= FORMATS[name].tolerance


@pytest.mark.acceptance
@pytest.mark.parametrize("name", FORMATS)
def test_heads_on_a_mobilenet_answer_alike_in_every_format(name: str, tmp_path: Path) -> None:
    model = mobilenet_ensemble(MOBILENET_PX, 8, tmp_path)
    images = resized(real_images(MOBILENET_PX), MOBILENET_PX)
    found = differ_at_most(name, model, images, tmp_path)
    print(f"{name}: {found:.2e}")
    assert found <= FORMATS[name].tolerance


@pytest.mark.slow
def test_a_saved_model_takes_images_of_any_size(tmp_path: Path) -> None:
    model = tiny_single()
    exporter = exporter_of(FORMATS["saved_model"])
    exporter.write(written(model, tmp_path), tmp_path / "exported")
    predict = exporter.load(tmp_path / "exported")
    for height, width in ((31, 60), (17, 9)):
        images = np.random.default_rng(height).integers(0, 256, (3, height, width, 3), np.uint8)
        np.testing.assert_allclose(predict(images), model.predict_on_batch(images), atol=1e-5)


def test_the_registered_file_is_what_the_format_keras_gives(tmp_path: Path) -> None:
    source = written(tiny_single(), tmp_path)
    exporter_of(FORMATS["keras"]).write(source, tmp_path / "copy.keras")
    assert (tmp_path / "copy.keras").read_bytes() == source.keras_file.read_bytes()


@pytest.mark.slow
def test_without_its_resize_a_model_answers_alike_about_images_of_its_size() -> None:
    model = tiny_ensemble()
    assert served_image_px(model) == PX
    images = resized(real_images(PX)[:20], PX)
    bare = without_resize(model)
    assert bare.input_shape == (None, PX, PX, 3)
    expected = model.predict_on_batch(images)
    for answer in (bare.predict_on_batch(images), bare(images)):
        np.testing.assert_allclose(answer, expected, atol=1e-6)
    assert not any(isinstance(layer, keras.layers.Resizing) for layer in bare.layers)


@pytest.mark.slow
def test_images_resized_as_the_loader_does_are_answered_as_the_whole_model_answers() -> None:
    model = tiny_ensemble()
    larger = np.random.default_rng(3).integers(0, 256, (20, 57, 83, 3), np.uint8)
    inside = model.predict_on_batch(larger)
    outside = without_resize(model).predict_on_batch(resized(larger, PX))
    # A grey level more or less where the two round a tie otherwise.
    np.testing.assert_allclose(outside, inside, atol=0.01)


def test_a_model_that_does_not_resize_is_told_apart() -> None:
    images = keras.Input((None, None, 3), dtype="uint8")
    pixels = keras.layers.Rescaling(1 / 255)(images)
    plain = keras.Model(images, keras.layers.GlobalAveragePooling2D()(pixels))
    assert served_image_px(plain) is None
    with pytest.raises(ValueError, match="no resize"):
        without_resize(plain)
