"""The holdout's corruptions against other libraries and hand-computed values."""

import colorsys

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from objectives.evaluation.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from spaces.errors import InputError
from tests.objectives.augmentation.real_pictures import crops

IMAGES = crops(8, 64)


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_seed_and_row_decide_and_neighbours_do_not(name: str, severity: int) -> None:
    together = corrupt(IMAGES, name, severity, seed=4)
    alone = corrupt(IMAGES[3:4], name, severity, seed=4, first_row=3)
    np.testing.assert_array_equal(together[3:4], alone)
    assert together.dtype == np.dtype(np.uint8)
    assert together.shape == IMAGES.shape


@pytest.mark.parametrize("name", [n for n in CORRUPTIONS if n.endswith("noise")])
def test_noise_differs_by_seed_and_by_row(name: str) -> None:
    same = np.repeat(IMAGES[:1], 2, axis=0)
    noisy = corrupt(same, name, 3, seed=1)
    assert np.any(noisy[0] != noisy[1])
    assert np.any(noisy != corrupt(same, name, 3, seed=2))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_higher_severity_is_farther_from_the_original(name: str) -> None:
    distances = [
        np.abs(corrupt(IMAGES, name, severity, seed=0).astype(float) - IMAGES).mean()
        for severity in SEVERITIES
    ]
    assert 0 < distances[0] < distances[1] < distances[2]


def test_noise_has_the_published_strength() -> None:
    grey = np.full((20, 64, 64, 3), 128, np.uint8)
    share = 128 / 255
    gaussian = corrupt(grey, "gaussian_noise", 1, seed=0) / 255
    assert gaussian.std() == pytest.approx(0.08, rel=0.02)
    shot = corrupt(grey, "shot_noise", 1, seed=0) / 255
    assert shot.mean() == pytest.approx(share, rel=0.02)
    assert shot.std() == pytest.approx(np.sqrt(share / 60), rel=0.02)
    impulse = corrupt(grey, "impulse_noise", 5, seed=0)
    assert np.mean(impulse == 255) == pytest.approx(0.27 / 2, rel=0.05)
    assert np.mean(impulse == 0) == pytest.approx(0.27 / 2, rel=0.05)


def test_blur_is_scipys_at_the_width_that_the_size_asks_for() -> None:
    blurred = corrupt(IMAGES, "gaussian_blur", 5, seed=0)
    sigma_px = 6 * 64 / 224
    expected = gaussian_filter(
        IMAGES.astype(float), (0, sigma_px, sigma_px, 0), mode="nearest", truncate=4
    )
    assert np.abs(blurred - expected).max() < 1.5


def test_contrast_by_hand() -> None:
    # Mean 100, so 0 -> 100 - 0.2 * 100 and 200 -> 100 + 0.2 * 100.
    half = np.zeros((1, 2, 2, 3), np.uint8)
    half[:, 0] = 200
    contrasted = corrupt(half, "contrast", 3, seed=0)
    assert np.all(contrasted[:, 0] == 120)
    assert np.all(contrasted[:, 1] == 80)


def test_brightness_is_pythons_hsv() -> None:
    bright = corrupt(IMAGES, "brightness", 3, seed=0)
    for row, y, x in [(0, 5, 9), (3, 40, 2), (7, 63, 63)]:
        hue, saturation, value = colorsys.rgb_to_hsv(*(IMAGES[row, y, x] / 255))
        expected = colorsys.hsv_to_rgb(hue, saturation, min(value + 0.3, 1))
        np.testing.assert_allclose(bright[row, y, x], np.array(expected) * 255, atol=0.51)
    black = np.zeros((1, 2, 2, 3), np.uint8)
    assert np.all(corrupt(black, "brightness", 5, seed=0) == round(0.5 * 255))


def test_jpeg_is_opencvs_at_the_published_quality() -> None:
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        25,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    ]
    for image, ours in zip(IMAGES, corrupt(IMAGES, "jpeg", 1, seed=0), strict=True):
        _, coded = cv2.imencode(".jpg", image[..., ::-1], options)
        theirs = cv2.imdecode(coded, cv2.IMREAD_COLOR)
        assert theirs is not None
        assert np.abs(ours - theirs[..., ::-1].astype(float)).mean() < 1.0


def test_pixelate_keeps_blocks_of_means() -> None:
    # A quarter of 64 pixels are 16 blocks of 4 by 4.
    pixelated = corrupt(IMAGES, "pixelate", 5, seed=0).astype(float)
    blocks = IMAGES.reshape(8, 16, 4, 16, 4, 3).mean(axis=(2, 4))
    expected = blocks.repeat(4, axis=1).repeat(4, axis=2)
    assert np.abs(pixelated - expected).max() <= 1


def test_unknown_names_and_severities_are_refused() -> None:
    with pytest.raises(InputError, match="unknown corruption 'fog'; known: brightness"):
        corrupt(IMAGES, "fog", 1, seed=0)
    with pytest.raises(InputError, match="unknown severity 2 of corruption 'jpeg'; known: 1, 3, 5"):
        corrupt(IMAGES, "jpeg", 2, seed=0)
