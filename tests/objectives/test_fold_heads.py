from pathlib import Path

import keras
import numpy as np
import pytest

from objectives.fold_heads import predict_with_head, read_fold_heads, save_fold_heads
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
    (stored,) = read_fold_heads(save_fold_heads({0: head}, tmp_path), 1)
    found = predict_with_head(stored, read, is_standardised=features == "deep")
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_heads_of_other_folds_than_the_sweeps_are_refused(tmp_path: Path) -> None:
    head = [np.zeros((4, 3), np.float32), np.zeros(3, np.float32)]
    path = save_fold_heads({0: head, 1: head}, tmp_path)
    assert len(read_fold_heads(path, 2)) == 2
    with pytest.raises(InputError, match="does not hold the heads of 3 folds"):
        read_fold_heads(path, 3)
