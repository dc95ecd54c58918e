"""What a served model is made of, found again in a loaded one."""

import keras


def served_image_px(model: keras.Model) -> int | None:
    """Say to which size a served model resizes; None if it does not.

    Args:
        model: Of :func:`objectives.networks.serving.servable_model`.
    """
    resize = _resize_of(model)
    return None if resize is None else int(resize.height)


def without_resize(model: keras.Model) -> keras.Model:
    """Give a served model for images that have its size already; it shares its layers.

    Args:
        model: One that resizes.

    Returns:
        From uint8 images ``(batch, image_px, image_px, 3)`` to probabilities.

    Raises:
        ValueError: If the model does not resize.
    """
    resize = _resize_of(model)
    if resize is None:
        raise ValueError(f"the model {model.name} has no resize that could be left out")
    behind = keras.Model(resize.output, model.output)
    images = keras.Input(resize.output.shape[1:], dtype="uint8", name="images")
    answer = behind(keras.ops.cast(images, "float32"), training=False)
    return keras.Model(images, answer, name=model.name)


def _resize_of(model: keras.Model) -> keras.layers.Resizing | None:
    found = [layer for layer in model.layers if isinstance(layer, keras.layers.Resizing)]
    return found[0] if found else None
