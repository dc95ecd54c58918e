"""What hiding a part of an image takes from an answer, worked out by hand."""

import numpy as np
import pytest

from objectives.evaluation.occlusion import BATCH_IMAGES, occlusion_map
from objectives.records import FloatArray, ImageArray


class Weighing:
    """A model that adds up an image's grey levels, each with a weight of its own."""

    def __init__(self, weights: FloatArray) -> None:
        self.weights = weights
        self.batches: list[int] = []

    def __call__(self, images: ImageArray) -> FloatArray:
        self.batches.append(len(images))
        first = (images[..., 0] / 255 * self.weights).sum(axis=(1, 2))
        return np.stack([first, np.zeros_like(first)], axis=1).astype(np.float32)


def test_where_squares_are_single_pixels_each_loses_what_it_gave() -> None:
    draws = np.random.default_rng(0)
    image = draws.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    weights = draws.uniform(0, 1, (6, 6)).astype(np.float32)
    mean = np.rint(image[..., 0].mean())
    expected = weights * (image[..., 0] - mean) / 255
    found = occlusion_map(Weighing(weights), image)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found.min() < 0 < found.max()


def test_a_pixel_has_the_mean_of_all_squares_that_cover_it() -> None:
    """Of 12 pixels an edge the squares are 2 wide and move by 1, so a pixel is in up to 4."""
    image = np.zeros((12, 12, 3), np.uint8)
    image[5, 7] = 255
    weights = np.ones((12, 12), np.float32)
    # The mean colour, 1.77, becomes 2: a square with the bright pixel turns 255 into 8, one
    # without it turns 0 into 8.
    with_it, without = (255 - 8) / 255, -8 / 255
    found = occlusion_map(Weighing(weights), image)
    assert found[5, 7] == pytest.approx(with_it, abs=1e-5)
    assert found[5, 8] == pytest.approx((2 * with_it + 2 * without) / 4, abs=1e-5)
    assert found[6, 8] == pytest.approx((with_it + 3 * without) / 4, abs=1e-5)
    assert found[0, 0] == pytest.approx(without, abs=1e-5)


@pytest.mark.parametrize("size", [(96, 96), (5, 40), (1, 1), (61, 97)])
def test_every_pixel_of_an_image_of_any_size_is_covered(size: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    model = Weighing(np.zeros(size, np.float32))
    found = occlusion_map(model, image)
    assert found.shape == size
    assert np.isfinite(found).all()
    assert model.batches[0] == 1
    assert max(model.batches) <= BATCH_IMAGES


def test_an_image_of_a_usual_size_is_asked_about_some_120_times() -> None:
    model = Weighing(np.zeros((96, 96), np.float32))
    occlusion_map(model, np.zeros((96, 96, 3), np.uint8))
    assert sum(model.batches) - 1 == 121
