"""A small convolutional network, trained from scratch where no pretrained weights fit."""

import keras

from objectives.networks.batch_norm import SCRATCH_MOMENTUM


def small_cnn(pixels: keras.KerasTensor) -> keras.Model:
    """Build four blocks of convolution, batch normalisation and pooling.

    Args:
        pixels: Scaled to -1..1, of shape ``(batch, px, px, 3)`` with at least 16 px.

    Returns:
        A model from what ``pixels`` come from to a feature map with 128 channels.
    """
    x = pixels
    for filters in (16, 32, 64, 128):
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization(momentum=SCRATCH_MOMENTUM)(x)
        x = keras.layers.ReLU()(x)
        x = keras.layers.MaxPooling2D()(x)
    return keras.Model(keras.utils.get_source_inputs(pixels)[0], x, name="small_cnn")
