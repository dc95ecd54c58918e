"""Check backbones before a sweep starts, rather than trial by trial."""

import numpy as np

from objectives.networks.weights_files import find_weights
from objectives.settings import TrainSettings, ValidationSettings
from spaces.backbones import default_weights, find_backbone, is_embeddings, is_own
from spaces.errors import InputError
from spaces.space import Space

BLOCK_ROWS = 4096


def check_backbones(
    space: Space, image_px: int, *, train: TrainSettings, validation: ValidationSettings
) -> None:
    """Check every backbone of a space: its name, its smallest image and its weights.

    Args:
        space: The space of the sweep.
        image_px: The sweep's image size in pixels.
        train: How long its trials train.
        validation: How they are scored.

    Raises:
        InputError: For the first backbone that could not be built, with what to do.
    """
    for name in _choices(space, "backbone"):
        if is_embeddings(name):
            _check_use_of_embeddings(space, name, train, validation)
        elif is_own(name):
            _check_own(space, name, image_px, train)
        else:
            _check_known(space, name, image_px)


def check_embeddings(space: Space, n_images: int) -> None:
    """See that every file of embeddings in a space has a vector of each image.

    Args:
        space: The space of the sweep.
        n_images: Images in its data, whatever is left out of them.

    Raises:
        InputError: If one has other rows, or numbers that are not finite.
    """
    for name in filter(is_embeddings, _choices(space, "backbone")):
        # It loads Keras, which a sweep without such files does not need here.
        from objectives.networks.own_backbones import open_embeddings

        vectors = open_embeddings(name)
        if len(vectors) != n_images:
            raise InputError(
                f"backbone {name!r} has {len(vectors):,} rows, the data {n_images:,} images; "
                "wanted is one row for each image, in the order of the data."
            )
        for start in range(0, n_images, BLOCK_ROWS):
            if not np.isfinite(vectors[start : start + BLOCK_ROWS]).all():
                raise InputError(f"backbone {name!r} has numbers that are not finite.")


def _check_known(space: Space, name: str, image_px: int) -> None:
    backbone = find_backbone(name)
    if image_px < backbone.min_px:
        raise InputError(
            f"backbone {name!r} takes images of at least {backbone.min_px} px, got "
            f"data.image_px = {image_px}; make the images larger or leave it out of the space"
        )
    for weights in _weights_of(space, name):
        find_weights(backbone, weights, image_px)


def _check_own(space: Space, name: str, image_px: int, train: TrainSettings) -> None:
    from objectives.networks.own_backbones import find_function

    function = find_function(name, image_px)
    if function is not None:
        _refuse_training(space, name, "a function", train)
        function.probe(image_px)


def _check_use_of_embeddings(
    space: Space, name: str, train: TrainSettings, validation: ValidationSettings
) -> None:
    from objectives.networks.own_backbones import open_embeddings

    open_embeddings(name)
    _refuse_training(space, name, "a file of embeddings", train)
    policies = [policy for policy in _choices(space, "policy") if policy != "none"]
    if policies or validation.shift != "none":
        named = f"policy {policies[0]}" if policies else f"validation.shift {validation.shift}"
        raise InputError(
            f"backbone {name!r} is a file of embeddings of the images as they are, and {named} "
            "asks for augmented ones: write policy: none into the space and shift: none under "
            "validation, or give a function from images to vectors as your_module:attribute."
        )


def _refuse_training(space: Space, name: str, what: str, train: TrainSettings) -> None:
    weights = _weights_of(space, name)
    if weights != ["own"]:
        raise InputError(
            f"backbone {name!r} is {what}, of which heads alone are trained: write weights: own "
            f"into the space, got weights: {', '.join(weights)}."
        )
    if train.head_epochs == 0:
        raise InputError(
            f"backbone {name!r} is {what}, of which heads alone are trained, and "
            "train.head_epochs = 0 trains none."
        )


def _choices(space: Space, name: str) -> list[str]:
    return [
        str(choice)
        for dimension in space.dimensions
        if dimension.name == name
        for choice in dimension.choices
    ]


def _weights_of(space: Space, backbone: str) -> list[str]:
    """List the weights that a backbone may be drawn with."""
    drawn = [
        str(choice)
        for dimension in space.dimensions
        if dimension.name == "weights" and dimension.exists({"backbone": backbone})
        for choice in dimension.choices
    ]
    return drawn or [default_weights(backbone)]
