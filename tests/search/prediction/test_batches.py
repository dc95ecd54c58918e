import numpy as np

from search.prediction import batches as module
from search.prediction.batches import batches, windows
from search.prediction.images import Picture


def picture(height: int, width: int, value: int = 0) -> Picture:
    return Picture(f"{height}x{width}", np.full((height, width, 3), value, np.uint8))


UNREAD = Picture("broken", None, "no picture")


def test_pictures_of_one_size_come_together_whatever_lies_between() -> None:
    window = [picture(4, 5, 1), picture(9, 9, 2), UNREAD, picture(4, 5, 3)]
    found = {
        images.shape: (places, images[:, 0, 0, 0].tolist()) for places, images in batches(window)
    }
    assert found == {(2, 4, 5, 3): ([0, 3], [1, 3]), (1, 9, 9, 3): ([1], [2])}


def test_a_batch_and_a_window_have_a_largest_number_of_pictures() -> None:
    many = [picture(2, 2, row % 256) for row in range(module.WINDOW_IMAGES + 10)]
    found = list(windows(iter(many)))
    assert [len(window) for window in found] == [module.WINDOW_IMAGES, 10]
    sizes = [len(places) for places, _ in batches(found[0])]
    assert sizes == [module.BATCH_IMAGES] * (module.WINDOW_IMAGES // module.BATCH_IMAGES)
    assert [one for window in found for one in window] == many


def test_a_window_has_a_largest_number_of_pixels_and_at_least_one_picture() -> None:
    edge = 3000
    assert edge**2 < module.WINDOW_PIXELS < 2 * edge**2
    pictures = [picture(edge, edge), picture(edge, edge), UNREAD, picture(5000, 5000)]
    assert [len(window) for window in windows(iter(pictures))] == [1, 2, 1]


def test_of_no_pictures_there_is_no_window() -> None:
    assert list(windows(iter([]))) == []
    assert list(batches([UNREAD])) == []
