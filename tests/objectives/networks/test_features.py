"""Features of a frozen backbone: what Keras gives, whatever fits into memory."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from objectives.networks.extractors import FeatureExtractor
from spaces.errors import TrialError
from tests.objectives.tiny_backbone import tiny_backbone

PX = 32
NAME = "tests.objectives.tiny_backbone:tiny_backbone"


def _images(n_images: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n_images, PX, PX, 3), dtype=np.uint8)


def test_features_are_the_pooled_output_of_the_backbone_in_inference_mode() -> None:
    images = _images(70)
    features = FeatureExtractor(NAME, "imagenet", PX, features="last").extract(images)
    wanted = np.asarray(tiny_backbone(PX)(images.astype("float32"), training=False)).mean((1, 2))
    assert features.dtype == np.float16
    np.testing.assert_allclose(features, wanted, rtol=2e-3, atol=1e-4)


def test_deep_features_are_those_of_inner_layers_as_well() -> None:
    images = _images(20)
    deep = FeatureExtractor(NAME, "imagenet", PX, features="deep").extract(images)
    backbone = tiny_backbone(PX)
    # The first ReLU is what the second convolution reads.
    inner = keras.Model(backbone.input, backbone.layers[4].output)
    wanted = [
        np.asarray(part(images.astype("float32"), training=False)).mean((1, 2))
        for part in (inner, backbone)
    ]
    np.testing.assert_allclose(deep, np.concatenate(wanted, axis=1), rtol=2e-3, atol=1e-4)


def test_running_out_of_memory_halves_the_batch_and_changes_nothing() -> None:
    images = _images(50)
    extractor = FeatureExtractor(NAME, "imagenet", PX, features="last")
    wanted = extractor.extract(images)
    forward, sizes = extractor._forward, []

    def scarce(batch: Any) -> Any:
        sizes.append(len(batch))
        if len(batch) > 8:
            raise tf.errors.ResourceExhaustedError(None, None, "out of memory")
        return forward(batch)

    extractor._forward = scarce
    np.testing.assert_allclose(extractor.extract(images), wanted, rtol=1e-3, atol=1e-5)
    assert max(sizes) == 50
    sizes.clear()
    extractor.extract(images)
    assert max(sizes) <= 8, "the smaller batch is kept"
    assert extractor.batch == max(sizes)


def test_a_backbone_that_does_not_fit_ends_the_trial() -> None:
    extractor = FeatureExtractor(NAME, "imagenet", PX, features="last")

    def never(batch: Any) -> Any:
        raise tf.errors.ResourceExhaustedError(None, None, "out of memory")

    extractor._forward = never
    with pytest.raises(TrialError, match="does not fit into memory"):
        extractor.extract(_images(4))


def test_other_weights_are_other_features(tmp_path: Any) -> None:
    keras.utils.set_random_seed(0)
    paths = []
    for name in ("one", "other"):
        paths.append(str(tmp_path / f"{name}.weights.h5"))
        keras.applications.MobileNet(
            include_top=False, weights=None, alpha=0.25, input_shape=(PX, PX, 3)
        ).save_weights(paths[-1])
    one, same, other = (
        FeatureExtractor("mobilenet_0.25", path, PX, features="last").key
        for path in (*paths[:1], *paths)
    )
    assert one == same
    assert one != other
