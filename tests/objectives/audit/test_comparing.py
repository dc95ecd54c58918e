"""Candidates and comparisons against brute force and shifts that we made."""

import cv2
import numpy as np
import pytest

from objectives.audit.candidates import LARGEST_DISTANCE, find_candidates
from objectives.audit.comparing import at_working_size, is_copy
from tests.objectives.data.written_data import noisy_images


def test_candidates_are_the_pairs_that_counting_bits_one_by_one_finds() -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(0, 2**63, 40, dtype=np.uint64)
    flips = (np.uint64(1) << rng.integers(0, 63, (600, 6), dtype=np.uint64)).sum(axis=1)
    hashes = base[rng.integers(0, 40, 600)] ^ flips.astype(np.uint64)
    others = base[rng.integers(0, 40, 600)]
    expected = {
        (first, second)
        for first in range(600)
        for second in range(first + 1, 600)
        if int(hashes[first] ^ hashes[second]).bit_count() <= LARGEST_DISTANCE
        and int(others[first] ^ others[second]).bit_count() <= LARGEST_DISTANCE
    }
    found = [tuple(pair) for pair in find_candidates(hashes, others).tolist()]
    assert len(found) == len(set(found)) > 0
    assert set(found) == expected


@pytest.mark.parametrize("shift_px", [(0.0, 0.0), (1.0, -1.0), (2.0, 2.0), (0.5, -1.3)])
def test_a_shifted_picture_is_a_copy_and_another_is_not(shift_px: tuple[float, float]) -> None:
    image, other = noisy_images(2, px=96)
    matrix = np.array([[1, 0, shift_px[0]], [0, 1, shift_px[1]]])
    moved = np.asarray(cv2.warpAffine(image, matrix, (96, 96)), np.uint8)
    assert is_copy(image, moved)
    assert not is_copy(image, other)


def test_a_stretched_picture_is_no_copy() -> None:
    image = noisy_images(1, px=96)[0]
    stretched = np.asarray(cv2.resize(image, (120, 96)), np.uint8)
    assert not is_copy(image, stretched)


def test_large_pictures_are_compared_small_with_their_aspect_kept() -> None:
    assert at_working_size(np.zeros((1000, 500, 3), np.uint8)).shape == (192, 96, 3)
    assert at_working_size(np.zeros((90, 40, 3), np.uint8)).shape == (90, 40, 3)
    assert at_working_size(np.zeros((2000, 3, 3), np.uint8)).shape == (192, 1, 3)
