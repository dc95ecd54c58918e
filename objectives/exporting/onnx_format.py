"""ONNX, written by tf2onnx through Keras and asked by ONNX Runtime."""

from pathlib import Path

import keras
import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as runtime_errors

from objectives.exporting.exporter import CONVERSION_ERRORS, Predict, Source
from objectives.networks.served_parts import without_resize
from objectives.records import FloatArray, ImageArray

ERRORS = (
    *CONVERSION_ERRORS,
    runtime_errors.Fail,
    runtime_errors.InvalidArgument,
    runtime_errors.InvalidGraph,
    runtime_errors.NotImplemented,
    runtime_errors.RuntimeException,
)


def write(source: Source, path: Path) -> None:
    """Write one file for images of the model's own size; their number stays free."""
    model = without_resize(source.model)
    images = keras.InputSpec(shape=model.input_shape, dtype="uint8", name="images")
    # Through Keras, which brings tf2onnx to numpy 2.
    model.export(str(path), format="onnx", verbose=False, input_signature=[images])


def load(path: Path) -> Predict:
    """Load it into ONNX Runtime."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def predict(images: ImageArray) -> FloatArray:
        return np.asarray(session.run(None, {name: images})[0], dtype=np.float32)

    return predict
