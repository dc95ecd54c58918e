"""Reading every picture of a source in order, with a few threads and never many in memory.

``objectives.data.pixels`` bounds what the threads hold together.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from objectives.data.source import ImageSource, UnreadableImageError
from objectives.records import ImageArray
from spaces.machine import usable_cores

Made = TypeVar("Made")

_MOST_THREADS = 8
_AHEAD_PER_THREAD = 8


def read_each(
    source: ImageSource, make: Callable[[ImageArray], Made]
) -> Iterator[Made | UnreadableImageError]:
    """Make something small of every picture, in threads, in the order of the rows.

    Args:
        source: Where the pictures are.
        make: Called with each picture, 8-bit RGB of shape ``(height, width, 3)``.

    Yields:
        What ``make`` returned, or the error of a picture that cannot be decoded, for each row.
    """
    n_threads = min(_MOST_THREADS, usable_cores())
    waiting: deque[Future[Made | UnreadableImageError]] = deque()
    with ThreadPoolExecutor(n_threads) as pool:
        try:
            for row in range(len(source)):
                waiting.append(pool.submit(_read_one, source, row, make))
                if len(waiting) >= n_threads * _AHEAD_PER_THREAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _read_one(
    source: ImageSource, row: int, make: Callable[[ImageArray], Made]
) -> Made | UnreadableImageError:
    try:
        with source.reading(row) as image:
            return make(image)
    except UnreadableImageError as error:
        return error
