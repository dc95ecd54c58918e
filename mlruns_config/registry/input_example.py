"""The images that a registered version was logged with."""

import json
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mlruns_config.registry.registry import registry
from mlruns_config.registry.stored_files import download_example
from mlruns_config.registry.versions import Version
from mlruns_config.settings import TrackingSettings
from spaces.errors import InputError

_DAMAGE = (ValueError, TypeError, RecursionError, OverflowError, MemoryError)


def load_example(settings: TrackingSettings, version: Version) -> npt.NDArray[np.uint8]:
    """Read the input example of a version, as plain numbers.

    Args:
        settings: Where the registry is.
        version: A registered one.

    Returns:
        Images, shape ``(batch, height, width, 3)``.

    Raises:
        InputError: If it has none, or what it has are no images.
        UnavailableError: If MLflow does not answer.
    """
    with registry(settings) as client, tempfile.TemporaryDirectory() as scratch:
        path = download_example(client, version, Path(scratch))
        if path is None:
            raise InputError(f"{version.uri} has no input example; name images with --images.")
        content = path.read_bytes()
    try:
        images = np.array(json.loads(content))
    except _DAMAGE as error:
        raise _no_images(version, str(error)) from None
    if images.dtype.kind != "i" or images.ndim != 4 or images.shape[3] != 3 or images.size == 0:
        raise _no_images(version, f"{images.dtype} of shape {images.shape}")
    if images.min() < 0 or images.max() > 255:
        raise _no_images(version, f"numbers from {images.min()} to {images.max()}")
    return images.astype(np.uint8)


def _no_images(version: Version, found: str) -> InputError:
    return InputError(
        f"the input example of {version.uri} holds no 8-bit images ({found[:200]}); name images "
        "with --images."
    )
