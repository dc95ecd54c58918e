"""Where a backbone is tapped: counted by hand, within the cap for every family."""

import keras
import pytest

from objectives.networks.backbones import build_backbone
from objectives.networks.taps import find_taps
from objectives.settings import MOST_FEATURES
from tests.objectives.tiny_backbone import tiny_backbone

PX = 96
# Keras' MobileNetV2 at alpha 0.35, read off its summary: the first convolution, then of each
# block its expansion, then the blocks' own outputs, and the last convolution.
FIRST, LAST = 16, 1280
EXPANDED = (48, *(48,) * 2, *(96,) * 3, *(144,) * 4, *(192,) * 3, *(336,) * 3)
BLOCKS = (8, *(8,) * 2, *(16,) * 3, *(24,) * 4, *(32,) * 3, *(56,) * 3, 112)


def _width(backbone: keras.Model) -> int:
    return sum(tap.width for tap in find_taps(backbone, "deep"))


def test_mobilenet_v2_is_tapped_at_its_expansions_its_blocks_and_its_end() -> None:
    backbone = build_backbone("mobilenet_v2_0.35", "none", PX)
    assert _width(backbone) == FIRST + sum(EXPANDED) + sum(BLOCKS) + LAST
    names = {backbone.operations[tap.place].name for tap in find_taps(backbone, "deep")}
    assert {"Conv1_relu", "block_5_expand_relu", "block_5_add", "out_relu"} <= names
    assert not {name for name in names if "depthwise" in name}


def test_last_is_the_output_alone() -> None:
    backbone = tiny_backbone(32)
    (tap,) = find_taps(backbone, "last")
    assert tap.tensor is backbone.output
    assert tap.width == 16


def test_scaled_pixels_are_no_tap() -> None:
    assert [tap.width for tap in find_taps(tiny_backbone(32), "deep")] == [8, 16]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["resnet50", "efficientnet_v2_s", "densenet121", "convnext_tiny", "mobilenet_v3_small"],
)
def test_the_taps_of_each_family_stay_below_the_cap_and_reach_every_resolution(name: str) -> None:
    backbone = build_backbone(name, "none", PX)
    taps = find_taps(backbone, "deep")
    assert backbone.output.shape[-1] * 2 < _width(backbone) <= MOST_FEATURES
    places = [tap.place for tap in taps]
    assert places == sorted(set(places))
    assert taps[-1].tensor is backbone.output
    sizes = {tap.tensor.shape[1] for tap in taps}
    assert len(sizes) >= 4
    assert min(sizes) == backbone.output.shape[1], "squeezed maps are left out"


def test_taps_are_left_out_evenly_where_not_all_fit() -> None:
    inputs = keras.Input((8, 8, 3))
    x = inputs
    for _ in range(9):
        skipped = keras.layers.Conv2D(1024, 1)(x)
        x = keras.layers.Add()([skipped, keras.layers.Conv2D(1024, 1)(skipped)])
    backbone = keras.Model(inputs, keras.layers.Conv2D(16, 3, strides=2)(x))
    taps = find_taps(backbone, "deep")
    assert sum(tap.width for tap in taps) <= MOST_FEATURES
    # Seven of 1,024 fit beside the output: the last map of its size, and of the 17 others through
    # which everything passes every third from the top.
    names = [backbone.operations[tap.place].name for tap in taps]
    number = int(names[1].split("_")[-1])
    shifted = [name.split("_")[0] for name in names]
    assert shifted == ["add", "conv2d", "add", "conv2d", "add", "conv2d", "add", "conv2d"]
    assert [int(name.split("_")[-1]) - number for name in names[1::2]] == [0, 6, 12, 14]


def test_a_backbone_of_vectors_is_read_as_it_is() -> None:
    inputs = keras.Input((8, 8, 3))
    backbone = keras.Model(inputs, keras.layers.Dense(5)(keras.layers.Flatten()(inputs)))
    assert [tap.width for tap in find_taps(backbone, "deep")] == [5]
