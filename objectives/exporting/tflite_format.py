"""TensorFlow Lite (LiteRT): one file for phones and small machines."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.lite.python.convert_phase import ConverterError

from objectives.exporting.exporter import CONVERSION_ERRORS, Predict, Source
from objectives.networks.served_parts import without_resize
from objectives.records import FloatArray, ImageArray
from spaces.machine import usable_cores

ERRORS = (*CONVERSION_ERRORS, tf.errors.OpError, ConverterError)


def write(source: Source, path: Path) -> None:
    """Write one file for images of the model's own size; their number stays free.

    It is made of TensorFlow Lite's own operations alone: with others it would run only where
    TensorFlow's are linked in as well.
    """
    own = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}
    model = without_resize(source.model)
    model.export(str(path), format="litert", verbose=False, target_spec=own)


def load(path: Path) -> Predict:
    """Load it into the interpreter that TensorFlow has."""
    interpreter = _interpreter(path)

    def predict(images: ImageArray) -> FloatArray:
        [taken], [given] = interpreter.get_input_details(), interpreter.get_output_details()
        if tuple(taken["shape"]) != images.shape:
            interpreter.resize_tensor_input(taken["index"], images.shape)
            interpreter.allocate_tensors()
        interpreter.set_tensor(taken["index"], images)
        interpreter.invoke()
        return np.array(interpreter.get_tensor(given["index"]), dtype=np.float32)

    return predict


def _interpreter(path: Path) -> Any:
    with warnings.catch_warnings():
        # TensorFlow announces that its interpreter will move to a package of its own.
        warnings.filterwarnings("ignore", message=r"\s*Warning: tf\.lite\.Interpreter")
        interpreter = tf.lite.Interpreter(str(path), num_threads=usable_cores())
    interpreter.allocate_tensors()
    return interpreter
