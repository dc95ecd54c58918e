from pathlib import Path

import keras
import numpy as np
import pytest

from objectives.fold_heads import predict_with_head, read_heads, write_heads
from objectives.networks.network import build_network
from spaces.errors import InputError
from spaces.params import FeaturesName, TrialParams

BACKBONE = "tests.objectives.tiny_backbone:tiny_backbone"


@pytest.mark.parametrize("features", ["last", "deep"])
@pytest.mark.parametrize("units", [0, 5])
def test_a_stored_head_predicts_what_keras_does(
    features: FeaturesName, units: int, tmp_path: Path
) -> None:
    params = TrialParams(
        backbone=BACKBONE, weights="imagenet", features=features, dense_units=units
    )
    network = build_network(params, image_px=16, n_classes=3, seed=0)
    rng = np.random.default_rng(0)
    shapes = [weight.shape for layer in network.head_layers for weight in layer.get_weights()]
    head = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    network.set_head(head)
    read = rng.normal(size=(20, network.head.input_shape[1])).astype(np.float32)
    expected = keras.ops.softmax(network.head(read))
    write_heads({0: head}, tmp_path)
    stored = read_heads(tmp_path)
    assert stored is not None
    found = predict_with_head(stored[0], read, is_standardised=features == "deep")
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_heads_are_read_as_they_were_written_and_those_that_are_not_there_are_none(
    tmp_path: Path,
) -> None:
    assert read_heads(tmp_path) is None
    heads = {fold: [np.full((12, 3), fold, np.float32), np.arange(3.0)] for fold in range(11)}
    write_heads(heads, tmp_path)
    found = read_heads(tmp_path)
    assert found is not None
    assert list(found) == list(range(11))
    for fold, head in heads.items():
        for weights, stored in zip(head, found[fold], strict=True):
            np.testing.assert_array_equal(weights, stored)


def test_a_damaged_file_of_heads_is_said_to_be_one(tmp_path: Path) -> None:
    path = write_heads({0: [np.zeros((4, 3)), np.zeros(3)]}, tmp_path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="cut off"):
        read_heads(tmp_path)
