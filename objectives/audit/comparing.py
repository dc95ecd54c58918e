"""Whether two pictures are copies, seen by laying their pixels over each other.

Measured on blood cells at 96 px: the residual of copies at JPEG quality 60, shifted by up to two
pixels, is at most 0.17 of the picture's contrast; of the two thousand pairs of different cells that
hash closest it is at least 0.41. The local bound keeps apart what differs in one spot, such as a
part with and without a scratch.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from objectives.records import ImageArray, RowArray

WORKING_PX = 192
"""Longer side, in pixels, at which pictures are compared; larger ones are shrunk."""
LARGEST_RESIDUAL = 0.2
"""Root mean square of the difference, as a share of the picture's contrast."""
LARGEST_SPOT = 26.0
"""Difference anywhere, averaged over about five pixels, in grey levels."""

# Copies of cells at JPEG quality 60, two pixels apart along both axes, reach 0.07.
_LARGEST_THUMBNAIL_RESIDUAL = 0.2
_LARGEST_ASPECT_RATIO = 1.05
_BATCH_PAIRS = 4096
_Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Difference:
    residual: float
    spot: float


def are_alike(thumbnails: ImageArray, pairs: RowArray) -> npt.NDArray[np.bool_]:
    """Sort out, in bulk, the pairs that cannot be copies even when moved a little.

    The best small shift of one thumbnail onto the other has a closed form: the least-squares fit
    of their difference by the two gradients (Lucas and Kanade 1981, one step).

    Args:
        thumbnails: Grey, slightly blurred, shape ``(rows, height, width)``.
        pairs: Rows of thumbnails, shape ``(pairs, 2)``.

    Returns:
        Whether to look closer, shape ``(pairs,)``.
    """
    batches = [
        _thumbnail_residuals(thumbnails, pairs[start : start + _BATCH_PAIRS])
        for start in range(0, len(pairs), _BATCH_PAIRS)
    ]
    return np.concatenate([np.empty(0, np.float32), *batches]) <= _LARGEST_THUMBNAIL_RESIDUAL


def _thumbnail_residuals(thumbnails: ImageArray, pairs: RowArray) -> _Floats:
    first = thumbnails[pairs[:, 0]].astype(np.float32)
    second = thumbnails[pairs[:, 1]].astype(np.float32)
    inner = (slice(None), slice(1, -1), slice(1, -1))
    middle = (first + second) / 2
    down = ((middle[:, 2:, 1:-1] - middle[:, :-2, 1:-1]) / 2).reshape(len(pairs), -1)
    right = ((middle[:, 1:-1, 2:] - middle[:, 1:-1, :-2]) / 2).reshape(len(pairs), -1)
    change = (first - second)[inner].reshape(len(pairs), -1)
    gradients = np.stack([down, right], axis=1)
    system = gradients @ gradients.transpose(0, 2, 1) + 1e-3 * np.eye(2, dtype=np.float32)
    aim = gradients @ change[..., None]
    explained = (aim * np.linalg.solve(system, aim)).sum(axis=(1, 2))
    left_over = np.maximum((change**2).sum(axis=1) - explained, 0) / change.shape[1]
    contrast = middle[inner].reshape(len(pairs), -1).std(axis=1)
    residuals: _Floats = np.sqrt(left_over) / np.maximum(contrast, 1)
    return residuals


def at_working_size(image: ImageArray) -> ImageArray:
    """Shrink a picture of shape ``(height, width, 3)`` for comparison, keeping its aspect."""
    height, width = image.shape[:2]
    scale = WORKING_PX / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def is_copy(first: ImageArray, second: ImageArray) -> bool:
    """Say whether two pictures show the same but for compression, size and a small shift.

    Args:
        first: At working size, shape ``(height, width, 3)``.
        second: Likewise.
    """
    (height, width), (other_height, other_width) = first.shape[:2], second.shape[:2]
    aspects = sorted((width / height, other_width / other_height))
    if aspects[1] > aspects[0] * _LARGEST_ASPECT_RATIO:
        return False
    if first.shape != second.shape:
        second = cv2.resize(second, (width, height), interpolation=cv2.INTER_AREA)
    difference = _difference(_soften(first), _soften(second))
    return difference.residual <= LARGEST_RESIDUAL and difference.spot <= LARGEST_SPOT


def _soften(image: ImageArray) -> _Floats:
    # JPEG keeps colour at half the resolution, so single pixels of copies differ much.
    return np.asarray(cv2.GaussianBlur(image.astype(np.float32), (0, 0), 1.0), dtype=np.float32)


def _difference(first: _Floats, second: _Floats) -> _Difference:
    height, width = first.shape[:2]
    furthest_px = max(2.5, 0.03 * min(height, width))
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    shift, _ = cv2.phaseCorrelate(first.mean(axis=2), second.mean(axis=2), window)
    exact = np.clip(shift, -furthest_px, furthest_px)
    # Interpolating at a fraction of a pixel blurs, so a whole shift is tried as well.
    differences = [_after_shift(first, second, move) for move in (exact, np.rint(exact))]
    return min(differences, key=lambda difference: difference.residual)


def _after_shift(first: _Floats, second: _Floats, move_px: npt.NDArray[np.float64]) -> _Difference:
    height, width = first.shape[:2]
    matrix = np.array([[1, 0, move_px[0]], [0, 1, move_px[1]]], np.float64)
    moved = cv2.warpAffine(first, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    margin = min(math.ceil(float(np.abs(move_px).max())) + 1, min(height, width) // 4)
    inner = (slice(margin, height - margin), slice(margin, width - margin))
    change = np.asarray(moved, np.float32)[inner] - second[inner]
    contrast = float(np.sqrt(((second - second.mean(axis=(0, 1))) ** 2).mean()))
    spots = cv2.GaussianBlur(change, (0, 0), 2.0)
    residual = float(np.sqrt((change**2).mean())) / max(contrast, 1.0)
    return _Difference(residual, float(np.abs(spots).max()))
