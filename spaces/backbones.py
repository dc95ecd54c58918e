"""Backbones as data: every network of keras.applications, and a small CNN of our own.

The table says what can be known without loading tensorflow: the Keras function that builds a
network, the smallest image it takes, how its input is scaled, and the file in which Keras looks
for its ImageNet weights. Sources: keras.applications of Keras 3.15 (names, sizes, files).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from spaces.errors import unknown_name

Scaling = Literal["minus_one_to_one", "bgr_mean", "imagenet_mean_std", "inside"]

MOBILENET_V2_WEIGHT_PX = (96, 128, 160, 192, 224)
MOBILENET_WEIGHT_PX = (128, 160, 192, 224)


@dataclass(frozen=True)
class Backbone:
    """One network without its classifier.

    ``scaling`` is how pixels of 0 to 255 enter the network: to -1..1, as BGR less the ImageNet
    mean, by ImageNet's mean and standard deviation, or by layers inside the network itself.
    ``weights_file`` may hold ``{px}``: the size that the weights were trained at, chosen from
    ``weights_px`` by the image size, 224 where that is not among them.
    """

    name: str
    family: str
    function: str
    min_px: int
    scaling: Scaling
    weights_file: str
    options: Mapping[str, float] = field(default_factory=dict)
    weights_px: tuple[int, ...] = ()

    def weights_file_for(self, image_px: int) -> str:
        """Name the file in which Keras looks for the ImageNet weights; empty if there are none."""
        px = image_px if image_px in self.weights_px else 224
        return self.weights_file.format(px=px)


def _variants(
    family: str, rows: Mapping[str, str], scaling: Scaling, weights_file: str, min_px: int = 32
) -> Iterator[Backbone]:
    for name, function in rows.items():
        file = weights_file.format(name=name.replace("_", ""), own=name)
        yield Backbone(name, family, function, min_px, scaling, file)


def _mobilenets() -> Iterator[Backbone]:
    for alpha, text in ((0.25, "2_5"), (0.5, "5_0"), (0.75, "7_5"), (1.0, "1_0")):
        file = f"mobilenet_{text}_{{px}}_tf_no_top.h5"
        yield Backbone(
            f"mobilenet_{alpha}",
            "mobilenet",
            "MobileNet",
            32,
            "minus_one_to_one",
            file,
            {"alpha": alpha},
            MOBILENET_WEIGHT_PX,
        )
    for alpha in (0.35, 0.5, 0.75, 1.0, 1.3, 1.4):
        file = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{{px}}_no_top.h5"
        yield Backbone(
            f"mobilenet_v2_{alpha}",
            "mobilenet_v2",
            "MobileNetV2",
            32,
            "minus_one_to_one",
            file,
            {"alpha": alpha},
            MOBILENET_V2_WEIGHT_PX,
        )


_TF_KERNELS = "{name}_weights_tf_dim_ordering_tf_kernels_notop.h5"


def _table() -> Iterator[Backbone]:
    yield Backbone("small_cnn", "small_cnn", "", 16, "minus_one_to_one", "")
    yield from _mobilenets()
    yield from _variants(
        "mobilenet_v3",
        {"mobilenet_v3_small": "MobileNetV3Small", "mobilenet_v3_large": "MobileNetV3Large"},
        "inside",
        "weights_{own}_224_1.0_float_no_top_v2.h5",
    )
    yield from _variants(
        "efficientnet",
        {f"efficientnet_b{size}": f"EfficientNetB{size}" for size in range(8)},
        "inside",
        "{name}_notop.h5",
    )
    for size in ("b0", "b1", "b2", "b3", "s", "m", "l"):
        yield Backbone(
            f"efficientnet_v2_{size}",
            "efficientnet_v2",
            f"EfficientNetV2{size.upper()}",
            32,
            "inside",
            f"efficientnetv2-{size}_notop.h5",
        )
    convnext = {
        f"convnext_{size.lower()}": f"ConvNeXt{size}"
        for size in ("Tiny", "Small", "Base", "Large", "XLarge")
    }
    yield from _variants("convnext", convnext, "inside", "{own}_notop.h5")
    resnet = {f"resnet{depth}": f"ResNet{depth}" for depth in (50, 101, 152)}
    yield from _variants("resnet", resnet, "bgr_mean", _TF_KERNELS)
    resnet_v2 = {f"resnet{depth}_v2": f"ResNet{depth}V2" for depth in (50, 101, 152)}
    yield from _variants("resnet_v2", resnet_v2, "minus_one_to_one", _TF_KERNELS)
    densenet = {f"densenet{depth}": f"DenseNet{depth}" for depth in (121, 169, 201)}
    yield from _variants("densenet", densenet, "imagenet_mean_std", _TF_KERNELS)
    vgg = {"vgg16": "VGG16", "vgg19": "VGG19"}
    yield from _variants("vgg", vgg, "bgr_mean", _TF_KERNELS)
    yield from _variants(
        "inception",
        {"inception_v3": "InceptionV3", "inception_resnet_v2": "InceptionResNetV2"},
        "minus_one_to_one",
        "{own}_weights_tf_dim_ordering_tf_kernels_notop.h5",
        min_px=75,
    )
    yield from _variants(
        "xception", {"xception": "Xception"}, "minus_one_to_one", _TF_KERNELS, min_px=71
    )
    yield from _variants(
        "nasnet",
        {"nasnet_mobile": "NASNetMobile", "nasnet_large": "NASNetLarge"},
        "minus_one_to_one",
        "{own}_no_top.h5",
    )


BACKBONES: Mapping[str, Backbone] = {backbone.name: backbone for backbone in _table()}


def is_own(name: str) -> bool:
    """Say whether a backbone is the user's, written ``module:attribute``."""
    return ":" in name


def is_embeddings(name: str) -> bool:
    """Say whether a backbone is a file of vectors that were made elsewhere, one row an image."""
    return name.endswith(".npy")


def default_weights(name: str) -> str:
    """Say which weights a backbone has where none are named: ``own``, ``imagenet`` or ``none``."""
    if is_own(name) or is_embeddings(name):
        return "own"
    backbone = BACKBONES.get(name)
    return "imagenet" if backbone and backbone.weights_file else "none"


def find_backbone(name: str) -> Backbone:
    """Look a backbone up by its name; raises InputError with the nearest names."""
    if name not in BACKBONES:
        raise unknown_name(
            "backbone",
            name,
            BACKBONES,
            "To use your own, write 'your_module:attribute', or the path of a .npy "
            "file of embeddings.",
        )
    return BACKBONES[name]
