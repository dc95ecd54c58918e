"""Models whose answers are known without a look at any image."""

from collections.abc import Sequence
from pathlib import Path

import keras


def save_constant(path: Path, probabilities: Sequence[float]) -> str:
    """Save a model that answers every image with the same probabilities."""
    images = keras.Input((None, None, 3), dtype="uint8")
    averages = keras.layers.GlobalAveragePooling2D()(keras.ops.cast(images, "float32"))
    answer = keras.layers.Dense(
        len(probabilities), kernel_initializer="zeros", bias_initializer="zeros"
    )
    model = keras.Model(images, keras.layers.Softmax()(answer(averages)))
    answer.set_weights([answer.kernel.numpy(), keras.ops.log(probabilities).numpy()])
    model.save(path)
    return str(path)
