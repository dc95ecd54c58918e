"""Which weights there are: ImageNet's where Keras finds them, otherwise random ones, frozen."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from objectives.networks.weights_files import keras_models_folder
from spaces.backbones import find_backbone
from spaces.default_space import SMALL


def has_imagenet_weights(backbone: str, image_px: int) -> bool:
    """Say whether the file is there in which Keras looks for a backbone's ImageNet weights."""
    file = find_backbone(backbone).weights_file_for(image_px)
    return bool(file) and (keras_models_folder() / file).is_file()


def mobilenets_with_weights(image_px: int) -> list[str]:
    """Name the MobileNets of the space ``small`` whose ImageNet weights are there."""
    backbones = next(d.choices for d in SMALL.dimensions if d.name == "backbone")
    names = [str(name) for name in backbones if str(name).startswith("mobilenet")]
    return [name for name in names if has_imagenet_weights(name, image_px)]


def choose_weights(backbones: Sequence[str], image_px: int, folder: Path) -> Mapping[str, str]:
    """Name the weights of each backbone: ``imagenet``, or a file of random ones.

    Random weights are written to a file because a backbone without any is not frozen but trained
    from scratch; features of random weights cost what features of good ones do.
    """
    return {
        name: "imagenet"
        if has_imagenet_weights(name, image_px)
        else _random(name, image_px, folder)
        for name in backbones
    }


def _random(backbone: str, image_px: int, folder: Path) -> str:
    import keras

    found = find_backbone(backbone)
    keras.utils.set_random_seed(0)
    network = getattr(keras.applications, found.function)(
        include_top=False, weights=None, input_shape=(image_px, image_px, 3), **found.options
    )
    path = folder / f"{backbone}.weights.h5"
    network.save_weights(path)
    return str(path)
