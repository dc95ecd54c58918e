"""How much of pictures is in memory at once, whatever their files claim and however many threads.

A few kilobytes of a compressed file can claim gigapixels. So a picture has a largest size, all
threads together hold no more pixels than one such picture, and whatever takes more than a few
bytes a pixel is done in bands of rows.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from spaces.errors import InputError

LARGEST_PIXELS = 64_000_000
"""Pixels of the largest picture that is read: more than a 60-megapixel camera takes."""
LONGEST_SIDE_PX = 65_535
"""The longest side that a JPEG can have. A strip is widened to ``image_px`` before it is shortened,
so a longer one would take gigabytes."""
BAND_PIXELS = 1 << 20
"""Pixels that are worked on at a time."""


def check_size(height: int, width: int, what: str) -> None:
    """Refuse a picture that is too large to be read.

    Args:
        height: In pixels.
        width: In pixels.
        what: What to call it in the error.

    Raises:
        InputError: If it has too many pixels or a side is too long.
    """
    if height * width > LARGEST_PIXELS or max(height, width) > LONGEST_SIDE_PX:
        raise InputError(
            f"{what} has {width} x {height} pixels; at most {LARGEST_PIXELS:,} pixels, and "
            f"{LONGEST_SIDE_PX:,} a side, are read. Shrink it or cut it into parts."
        )


def bands(height: int, width: int) -> Iterator[slice]:
    """Cut a picture into rows that together have few pixels; a small picture is one band."""
    n_rows = max(1, BAND_PIXELS // width)
    for start in range(0, height, n_rows):
        yield slice(start, min(start + n_rows, height))


class PixelBudget:
    """Lets threads hold pictures as long as these are not too many pixels together."""

    def __init__(self, most_pixels: int) -> None:
        self._most_pixels = most_pixels
        self._taken_pixels = 0
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, n_pixels: int) -> Iterator[None]:
        """Wait until there is room for a picture, and count it until the block ends.

        Args:
            n_pixels: At most the whole budget. A thread takes one picture at a time.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._taken_pixels + n_pixels <= self._most_pixels)
            self._taken_pixels += n_pixels
        try:
            yield
        finally:
            with self._changed:
                self._taken_pixels -= n_pixels
                self._changed.notify_all()


IN_MEMORY = PixelBudget(LARGEST_PIXELS)
"""What all threads of this process that read pictures share."""
