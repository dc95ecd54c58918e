"""Lets a registered Keras model answer with named classes, wherever MLflow loads it.

This file is copied into every registered model, next to the ``.keras`` file, and is loaded by
``mlflow.pyfunc.load_model``. It needs mlflow, keras, pandas and numpy, and nothing of foldsweep.
"""

from typing import Any

import pandas as pd
from mlflow.keras import _load_pyfunc as load_keras
from mlflow.models import Model


class ClassProbabilities:
    """Images in, one column of probabilities a class out."""

    def __init__(self, classifier: Any, class_names: list[str]) -> None:
        self.classifier = classifier
        self.class_names = class_names

    def predict(self, images: Any, params: dict[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002
        """Classify images, uint8, shape ``(batch, height, width, 3)``, of any height and width."""
        return pd.DataFrame(self.classifier.predict(images, verbose=0), columns=self.class_names)

    def get_raw_model(self) -> Any:
        """Give the Keras model."""
        return self.classifier


def _load_pyfunc(path: str) -> ClassProbabilities:
    """Load what MLflow has downloaded to ``path``; the name is MLflow's protocol."""
    class_names = Model.load(path).metadata["class_names"]
    return ClassProbabilities(load_keras(path).get_raw_model(), class_names)
