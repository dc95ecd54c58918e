"""TensorFlow's SavedModel: a folder, for TensorFlow Serving and what else runs TensorFlow."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from objectives.exporting.exporter import CONVERSION_ERRORS, Predict, Source
from objectives.records import FloatArray, ImageArray

ERRORS = (*CONVERSION_ERRORS, tf.errors.OpError)


def write(source: Source, path: Path) -> None:
    """Write a folder; the signature is ``serving_default``, the function ``serve``."""
    model = source.model
    images = keras.InputSpec(shape=model.input_shape, dtype="uint8", name="images")
    archive = keras.export.ExportArchive()
    archive.track(model)
    # Not by model.export: that lets the resize take the call for one of training.
    archive.add_endpoint(
        "serve", lambda images: model(images, training=False), input_signature=[images]
    )
    archive.write_out(str(path), verbose=False)


def load(path: Path) -> Predict:
    """Load its function; TensorFlow runs what lies in the folder, which was written here."""
    loaded = tf.saved_model.load(str(path))

    def predict(images: ImageArray) -> FloatArray:
        return np.asarray(loaded.serve(tf.constant(images)), dtype=np.float32)

    return predict
