"""A copy of a registered version on this machine that MLflow's model server may run.

That server runs what the folder of a model tells it to. So it never gets the folder that lies in
the registry: only the Keras file with the recorded digest is taken from there, and the folder
around it is made anew.
"""

from pathlib import Path

import numpy as np

from mlruns_config.registry.loading import load_version
from mlruns_config.registry.saved_classifier import save_classifier
from mlruns_config.registry.versions import Version
from mlruns_config.settings import TrackingSettings

_EXAMPLE_SHAPE = (1, 32, 32, 3)


def write_served_copy(settings: TrackingSettings, uri: str, folder: Path) -> Version:
    """Write a folder that ``mlflow models serve`` takes.

    Args:
        settings: Where the registry is.
        uri: ``models:/NAME/NUMBER`` or ``models:/NAME@ALIAS``.
        folder: An existing one that nobody else writes to; the model's is ``served`` in it.

    Returns:
        The version, whatever becomes of its alias.

    Raises:
        InputError: If there is no such model, or it is not one that foldsweep promoted.
        UnavailableError: If MLflow does not answer.
    """
    from mlflow.models import Model

    loaded = load_version(settings, uri, folder)
    blank = np.zeros(_EXAMPLE_SHAPE, dtype=np.uint8)
    save_classifier(loaded.classifier, served_folder(folder), example=blank, about=Model())
    return loaded.version


def served_folder(folder: Path) -> Path:
    """Say where in ``folder`` the model's own folder is."""
    return folder / "served"
