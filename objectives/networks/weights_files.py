"""Find weights, and fetch those that Keras lacks."""

import hashlib
import os
from pathlib import Path

from spaces.backbones import Backbone, find_backbone, is_own
from spaces.errors import InputError


def keras_models_folder() -> Path:
    """Name the folder in which Keras keeps weights: ``$KERAS_HOME/models``."""
    home = os.environ.get("KERAS_HOME") or str(Path.home() / ".keras")
    return Path(home) / "models"


def find_weights(backbone: Backbone, weights: str, image_px: int) -> Path | None:
    """Find the file that ``weights`` names for a backbone.

    Args:
        backbone: The network.
        weights: ``imagenet``, ``none`` or a path.
        image_px: Image size; some families have weights per size.

    Returns:
        The file; None for random weights.

    Raises:
        InputError: If the file is not there and cannot be fetched.
    """
    if weights == "none":
        return None
    if weights != "imagenet":
        path = Path(weights)
        if not path.is_file():
            raise InputError(f"weights: there is no file {weights!r} for backbone {backbone.name}")
        return path
    file = backbone.weights_file_for(image_px)
    if not file:
        raise InputError(f"backbone {backbone.name!r} has no ImageNet weights; write weights: none")
    path = keras_models_folder() / file
    if not path.is_file():
        _fetch(backbone, path, image_px)
    return path


def weights_digest(backbone: str, weights: str, image_px: int) -> str | None:
    """Hash the weights file of a backbone, SHA-256; None if its weights are in no file of ours.

    Raises:
        InputError: If the file is not there and cannot be fetched.
    """
    path = None if is_own(backbone) else find_weights(find_backbone(backbone), weights, image_px)
    if path is None:
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(backbone: Backbone, path: Path, image_px: int) -> None:
    """Let Keras download what it lacks; offline, say which file it looks for and where."""
    import keras  # a sweep whose weights are all there does not load it to be checked

    try:
        getattr(keras.applications, backbone.function)(
            include_top=False,
            weights="imagenet",
            input_shape=(image_px, image_px, 3),
            **backbone.options,
        )
    except (OSError, ValueError) as error:
        raise _missing(backbone, path) from error
    # Keras reports a failed download as a bare Exception: see whether the file has come.
    except Exception as error:
        if "URL fetch failure" not in str(error):
            raise
        raise _missing(backbone, path) from error


def _missing(backbone: Backbone, path: Path) -> InputError:
    return InputError(
        f"backbone {backbone.name!r} has no ImageNet weights here and they could not be "
        f"downloaded: Keras looks for {path.name} in {path.parent}. Put the file there (or set "
        f"KERAS_HOME to the folder above its 'models'), or leave this backbone out of the space, "
        f"for example with space: {{base: small, backbone: [small_cnn]}}"
    )
