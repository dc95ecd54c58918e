"""Whether a registered version predicts elsewhere what its model predicts here."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mlruns_config.registry.registry import registry
from mlruns_config.registry.stored_files import check_as_saved
from mlruns_config.registry.versions import LoggedClassifier, Version
from mlruns_config.settings import TrackingSettings
from spaces.errors import RefusedError
from spaces.redact import redact

TOLERANCE = 1e-5
TIMEOUT_S = 900.0
Images = Mapping[str, npt.NDArray[np.uint8]]
Probabilities = Mapping[str, npt.NDArray[np.float32]]


def verify_version(
    settings: TrackingSettings,
    version: Version,
    logged: LoggedClassifier,
    images: Images,
    expected: Probabilities,
) -> float:
    """Load a version in a fresh process that has no foldsweep, and compare its predictions.

    MLflow runs code of the folder that it loads there: so first, every file of the version is
    compared with what was saved.

    Args:
        settings: Where the version is.
        version: What is loaded, from the registry.
        logged: What was saved; its class names are what the columns must be called.
        images: Batches of images by name, each of another size.
        expected: Their probabilities, by the same names, shape ``(batch, classes)``.

    Returns:
        The largest absolute difference of a probability.

    Raises:
        RefusedError: If it is not what was saved, cannot be loaded there, names other classes or
            predicts otherwise.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with registry(settings) as client:
            check_as_saved(client, version, logged, folder / "stored")
        np.savez(folder / "images.npz", allow_pickle=False, **images)
        _predict_elsewhere(settings, version, folder)
        with np.load(folder / "predictions.npz") as found:
            return _largest_difference(version, found, expected, logged.class_names)


def _predict_elsewhere(settings: TrackingSettings, version: Version, folder: Path) -> None:
    script = Path(__file__).with_name("fresh_load.py")
    command = [sys.executable, "-I", str(script), version.uri, str(folder)]
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": settings.uri,
        "MLFLOW_REGISTRY_URI": settings.uri,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # The process that asks may hold most of the GPU's memory.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RefusedError(
            f"{version.uri} was not loaded in a fresh process within {TIMEOUT_S:.0f} s"
        ) from None
    if done.returncode:
        lines = redact(done.stderr, settings.uri).strip().splitlines() or ["no message"]
        raise RefusedError(
            f"{version.uri} cannot be loaded in a process without foldsweep: {lines[-1][:500]}"
        )


def _largest_difference(
    version: Version,
    found: Mapping[str, npt.NDArray[np.float32]],
    expected: Probabilities,
    class_names: tuple[str, ...],
) -> float:
    named = tuple(str(name) for name in found["classes"])
    if named != class_names:
        raise RefusedError(
            f"{version.uri} names the classes {', '.join(named)} in a process without foldsweep, "
            f"not {', '.join(class_names)}"
        )
    differences = [float(np.abs(found[name] - answer).max()) for name, answer in expected.items()]
    largest = max(differences)
    if not largest <= TOLERANCE:
        raise RefusedError(
            f"{version.uri} predicts otherwise in a process without foldsweep: a probability "
            f"differs by {largest:.2g}, allowed is {TOLERANCE:.0e}"
        )
    return largest
