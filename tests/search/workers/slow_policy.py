"""A policy that takes a minute an image, and says when it has begun."""

import os
import time
from pathlib import Path

import numpy as np


def wait(image: np.ndarray, strength: str, draws: np.random.Generator) -> np.ndarray:
    """Wait, and give the image as it is."""
    (Path(os.environ["TINY_OBJECTIVE_FOLDER"]) / "making").touch()
    time.sleep(60)
    return image
