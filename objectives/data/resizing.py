"""The one way in which pictures get their size.

Pillow's BILINEAR is a triangle filter that widens when it shrinks, as ``keras.layers.Resizing(px,
px, interpolation="bilinear", antialias=True)`` in the exported model is. Done in floats and rounded
once, the two give the same grey levels but for ties in about one of 2,000 numbers; on 8-bit images
Pillow rounds twice and every tenth number is off by one.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image

from objectives.data.pixels import BAND_PIXELS, bands
from objectives.records import ImageArray

_Grey = npt.NDArray[np.float32]


def resize(image: ImageArray, image_px: int) -> ImageArray:
    """Resize to a square, whatever the aspect; an image of that size is returned as it is.

    Args:
        image: Shape ``(height, width, 3)``.
        image_px: Height and width of the result, in pixels.
    """
    if image.shape[:2] == (image_px, image_px):
        return image
    channels = [_resize_channel(image[..., channel], image_px) for channel in range(3)]
    return np.clip(np.rint(np.stack(channels, axis=-1)), 0, 255).astype(np.uint8)


def _resize_channel(channel: ImageArray, image_px: int) -> _Grey:
    if channel.size <= BAND_PIXELS:
        return _bilinear(channel, image_px, image_px)
    # Pillow resizes along the rows first too, so that bands give the very same numbers.
    narrow = np.concatenate(
        [
            _bilinear(channel[rows], rows.stop - rows.start, image_px)
            for rows in bands(*channel.shape)
        ]
    )
    return _bilinear(narrow, image_px, image_px)


def _bilinear(channel: ImageArray | _Grey, height: int, width: int) -> _Grey:
    picture = Image.fromarray(channel.astype(np.float32))
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))
