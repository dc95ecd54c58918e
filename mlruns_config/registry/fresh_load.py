"""Predict with a registered version as a stranger would: in a process without foldsweep.

Run by path in an isolated interpreter, ``python -I fresh_load.py URI FOLDER``: it imports nothing
of foldsweep and makes sure that nothing else there can. Reads ``FOLDER/images.npz``, arrays of
images by name, and writes ``FOLDER/predictions.npz`` with the probabilities of the same names and
``classes``. MLflow's address comes from the environment, so that no password is an argument.
"""

import importlib
import sys
from pathlib import Path

PACKAGES = ("search", "objectives", "spaces", "mlruns_config")


def main(uri: str, folder: Path) -> None:
    """Load the version and predict."""
    for name in PACKAGES:
        # None makes Python say that there is no such module, even if foldsweep is installed.
        sys.modules[name] = None  # type: ignore[assignment]
        if _imports(name):
            raise SystemExit(f"the package {name} could be imported")

    import mlflow.pyfunc
    import numpy as np

    model = mlflow.pyfunc.load_model(uri, suppress_warnings=True)
    with np.load(folder / "images.npz") as images:
        answers = {name: model.predict(images[name]) for name in images.files}
    classes = np.array([str(name) for name in next(iter(answers.values())).columns])
    arrays = {name: answer.to_numpy() for name, answer in answers.items()}
    np.savez(folder / "predictions.npz", classes=classes, **arrays)


def _imports(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return False
    return True


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
