"""A small convolutional network, trained from scratch where no pretrained weights fit."""

import keras


def small_cnn(image_px: int) -> keras.Model:
    """Build four blocks of convolution, batch normalisation and pooling.

    Args:
        image_px: Edge of the square input in pixels, at least 16.

    Returns:
        A model from ``(batch, image_px, image_px, 3)``, scaled to -1..1, to a feature map with
        128 channels.
    """
    inputs = keras.Input((image_px, image_px, 3))
    x = inputs
    for filters in (16, 32, 64, 128):
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        x = keras.layers.ReLU()(x)
        x = keras.layers.MaxPooling2D()(x)
    return keras.Model(inputs, x, name="small_cnn")
