"""A backbone of the tests' own, as a user would write one: small, and the same at every call."""

import keras


def tiny_backbone(image_px: int) -> keras.Model:
    inputs = keras.Input((image_px, image_px, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    for layer, filters in enumerate((8, 16)):
        initializer = keras.initializers.HeUniform(seed=layer)
        x = keras.layers.Conv2D(filters, 3, strides=2, kernel_initializer=initializer)(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
    return keras.Model(inputs, x)
