"""The loader resizes as the exported model does."""

import numpy as np
import pytest

from objectives.data.resizing import resize


@pytest.mark.parametrize("size", [(360, 363), (50, 70), (97, 200), (96, 30), (96, 96), (5, 400)])
@pytest.mark.parametrize("image_px", [96, 64])
def test_resizing_agrees_with_tensorflow_within_a_grey_level(
    size: tuple[int, int], image_px: int
) -> None:
    import tensorflow as tf

    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    theirs = tf.image.resize(
        image.astype(np.float32), (image_px, image_px), method="bilinear", antialias=True
    )
    rounded = np.rint(theirs.numpy())
    ours = resize(image, image_px)
    assert np.abs(ours - rounded).max() <= 1
    assert (ours != rounded).mean() < 0.002


def test_resizing_agrees_with_the_layer_of_the_exported_model() -> None:
    import keras

    image = np.random.default_rng(1).integers(0, 256, (123, 77, 3), dtype=np.uint8)
    layer = keras.layers.Resizing(48, 48, interpolation="bilinear", antialias=True)
    theirs = np.rint(np.asarray(layer(image[None].astype(np.float32)))[0])
    assert np.abs(resize(image, 48) - theirs).max() <= 1
