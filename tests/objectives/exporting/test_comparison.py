import math

import numpy as np
import pytest

from objectives.exporting.comparison import compare
from objectives.records import FloatArray, ImageArray

IMAGES = np.zeros((2, 4, 4, 3), np.uint8)


def answering(*rows: tuple[float, ...]) -> FloatArray:
    return np.array(rows, dtype=np.float32)


def test_the_largest_difference_and_the_share_of_equal_classes_are_those_of_all_images() -> None:
    ours = iter([answering((0.6, 0.4), (0.9, 0.1)), answering((0.2, 0.8))])
    theirs = iter([answering((0.4, 0.6), (0.9, 0.1)), answering((0.25, 0.75))])
    found = compare(lambda _: next(ours), lambda _: next(theirs), [IMAGES, IMAGES[:1]])
    assert found.n_images == 3
    assert found.largest_difference == pytest.approx(0.2)
    assert found.same_class == pytest.approx(2 / 3)


def test_an_answer_that_is_no_number_is_a_difference() -> None:
    ours = answering((0.6, 0.4), (0.9, 0.1))
    theirs = iter([answering((math.nan, 0.4), (0.9, 0.1)), ours])
    found = compare(lambda _: ours, lambda _: next(theirs), [IMAGES, IMAGES])
    assert math.isnan(found.largest_difference)


def test_answers_of_another_shape_and_no_images_are_refused() -> None:
    def two(images: ImageArray) -> FloatArray:
        return np.zeros((len(images), 2), np.float32)

    def three(images: ImageArray) -> FloatArray:
        return np.zeros((len(images), 3), np.float32)

    with pytest.raises(ValueError, match=r"in the shape \(2, 3\), not \(2, 2\)"):
        compare(two, three, [IMAGES])
    with pytest.raises(ValueError, match="no image"):
        compare(two, two, [])
