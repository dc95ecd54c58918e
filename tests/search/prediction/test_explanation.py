from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from search.prediction.explanation import (
    AGAINST_IT,
    FOR_THE_CLASS,
    SHOWN_PX,
    STRONGEST_TINT,
    check_folder,
    side_by_side,
)
from spaces.errors import InputError


def test_red_is_what_speaks_for_the_class_and_blue_what_speaks_against() -> None:
    image = np.full((8, 8, 3), 100, np.uint8)
    lost = np.zeros((8, 8), np.float32)
    lost[0, 0], lost[0, 1] = 0.4, -0.2
    times = SHOWN_PX // 8
    found = side_by_side(image, lost)
    assert found.shape == (SHOWN_PX, 2 * SHOWN_PX, 3)
    left, right = found[::times, ::times][:, :8], found[::times, ::times][:, 8:]
    np.testing.assert_array_equal(left, image)
    strong, half = STRONGEST_TINT, STRONGEST_TINT / 2
    expected = 100 * (1 - strong) + strong * np.array(FOR_THE_CLASS)
    np.testing.assert_allclose(right[0, 0], expected, atol=0.5)
    np.testing.assert_allclose(
        right[0, 1], 100 * (1 - half) + half * np.array(AGAINST_IT), atol=0.5
    )
    assert right[5, 5].tolist() == [100, 100, 100]


def test_an_answer_that_nothing_changes_is_shown_in_grey() -> None:
    image = np.random.default_rng(0).integers(0, 256, (300, 250, 3), dtype=np.uint8)
    found = side_by_side(image, np.zeros((300, 250), np.float32))
    assert found.shape == (300, 500, 3)
    assert (found[:, 250:] == found[:, 250:, :1]).all()


def test_a_folder_that_is_in_use_is_refused(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    Image.new("RGB", (9, 9)).save(images / "a.png")
    for folder in (images, images / "a.png"):
        with pytest.raises(InputError, match="is not an empty folder"):
            check_folder(folder, [])
    with pytest.raises(InputError, match="whose images are classified"):
        check_folder(images / "deep" / "why", [images])
    check_folder(tmp_path / "why", [images, images / "a.png"])
