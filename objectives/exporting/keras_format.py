"""Keras' own file: the registered one, byte for byte."""

import shutil
from pathlib import Path

import keras

from objectives.exporting.exporter import CONVERSION_ERRORS, Predict, Source

ERRORS = CONVERSION_ERRORS


def write(source: Source, path: Path) -> None:
    """Copy the file, so that its digest is still the one that the promotion recorded."""
    shutil.copyfile(source.keras_file, path)


def load(path: Path) -> Predict:
    """Load it as a registry's file is loaded: nothing that could lie in it is run."""
    model = keras.saving.load_model(str(path), compile=False, safe_mode=True)
    predict: Predict = model.predict_on_batch
    return predict
