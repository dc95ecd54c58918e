"""Write a Keras classifier as an MLflow model."""

import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import keras
    from mlflow.models import Model, ModelSignature

LOADER = "class_probabilities"
KERAS_FILE = "data/model.keras"
"""Where MLflow's Keras flavour puts the model inside of the folder."""
_TENSORFLOWS = ("tensorflow", "tensorflow-cpu")


@dataclass(frozen=True)
class Classifier:
    """A Keras model and the names of its answers."""

    model: "keras.Model"
    class_names: tuple[str, ...]

    def predict(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Classify images, shape ``(batch, height, width, 3)``, to ``(batch, classes)``."""
        return np.asarray(self.model.predict(images, verbose=0), dtype=np.float32)


def save_classifier(
    classifier: Classifier,
    folder: Path,
    *,
    example: npt.NDArray[np.uint8],
    about: "Model",
) -> None:
    """Write a folder that both ``mlflow.keras`` and ``mlflow.pyfunc`` load.

    ``mlflow.keras.load_model`` gives the Keras model, ``mlflow.pyfunc.load_model`` something whose
    ``predict`` gives a DataFrame with a column a class.

    Args:
        classifier: Takes uint8 images of any size, gives probabilities; no custom objects.
        folder: Will be made.
        example: One image or a few, shape ``(batch, height, width, 3)``.
        about: MLflow's record of the logged model, to be completed and written.
    """
    import mlflow.keras
    import mlflow.pyfunc

    folder.mkdir(parents=True)
    mlflow.keras.save_model(
        classifier.model,
        str(folder),
        mlflow_model=about,
        signature=_signature(classifier.class_names),
        input_example=example,
        pip_requirements=requirements(),
        metadata={"class_names": list(classifier.class_names)},
    )
    code = folder / "code"
    code.mkdir()
    shutil.copy2(Path(__file__).with_name(f"{LOADER}.py"), code)
    about.flavors.pop(mlflow.pyfunc.FLAVOR_NAME)
    mlflow.pyfunc.add_to_model(
        about,
        loader_module=LOADER,
        code="code",
        conda_env="conda.yaml",
        python_env="python_env.yaml",
    )
    about.save(str(folder / "MLmodel"))


def requirements() -> list[str]:
    """Name the exact versions that a registered model needs, so that MLflow infers nothing.

    Inferring loads the model in a subprocess, which costs 15 s and more.
    """
    found = [_pinned(name) for name in _TENSORFLOWS]
    tensorflow = [pin for pin in found if pin][:1]
    return tensorflow + [
        pin for name in ("keras", "mlflow", "numpy", "pandas") if (pin := _pinned(name))
    ]


def _pinned(name: str) -> str | None:
    try:
        return f"{name}=={version(name)}"
    except PackageNotFoundError:
        return None


def _signature(class_names: tuple[str, ...]) -> "ModelSignature":
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec

    # The tensor has no name: MLflow would then take a dictionary only, and no array.
    images = TensorSpec(np.dtype(np.uint8), (-1, -1, -1, 3))
    probabilities = [ColSpec("float", name) for name in class_names]
    return ModelSignature(inputs=Schema([images]), outputs=Schema(probabilities))
