"""CutMix and MixUp on OpenCV, as keras-cv 0.9.0 draws them, with partners out of the same pool.

The pictures follow keras-cv. CutMix's labels follow the paper instead: see :func:`cut_mix`.
"""

import cv2
import numpy as np

from objectives.augmentation.draws import draw_partners
from objectives.records import FloatArray, ImageArray, RowArray
from spaces.operations import CutMix, MixUp

Mixed = tuple[ImageArray, FloatArray]


def cut_mix(
    images: ImageArray,
    labels: FloatArray,
    settings: CutMix,
    pools: RowArray,
    draws: np.random.Generator,
) -> Mixed:
    """Paste a square of the partner, whose share of the label is the area that is seen of it.

    keras-cv counts the whole square, also where it reaches over the border: at alpha 1 the partner
    gets half of the label for 32 % of the pixels, so that a model learns to see in pictures what
    is not in them. The paper's own code counts what is seen.

    Source: Yun et al. 2019, arXiv:1905.04899, with lambda adjusted to the exact ratio of pixels in
    https://github.com/clovaai/CutMix-PyTorch.
    """
    partners = draw_partners(pools, draws)
    size_px = images.shape[1]
    kept = draws.beta(settings.alpha, settings.alpha, len(images)).astype(np.float32)
    cuts_px = (np.sqrt(1 - kept) * size_px).astype(np.int64)
    centres_px = draws.integers(0, size_px, (len(images), 2))
    shares = np.ones(len(images), np.float32)
    mixed = images.copy()
    for row in np.flatnonzero(partners != np.arange(len(images))):
        box = square_slices(centres_px[row], int(cuts_px[row]), size_px)
        pasted = mixed[row][box]
        pasted[:] = images[partners[row]][box]
        shares[row] = 1 - pasted.shape[0] * pasted.shape[1] / size_px**2
    return mixed, _mixed_labels(labels, partners, shares)


def square_slices(centre_px: RowArray, edge_px: int, size_px: int) -> tuple[slice, slice]:
    """Give the rows and columns that are seen of a square about a centre."""
    start = np.ceil(centre_px - edge_px / 2).astype(int)
    top, left = start.clip(0, size_px).tolist()
    bottom, right = (start + edge_px).clip(0, size_px).tolist()
    return slice(top, bottom), slice(left, right)


def mix_up(
    images: ImageArray,
    labels: FloatArray,
    settings: MixUp,
    pools: RowArray,
    draws: np.random.Generator,
) -> Mixed:
    """Blend with the partner."""
    partners = draw_partners(pools, draws)
    shares = draws.beta(settings.alpha, settings.alpha, len(images)).astype(np.float32)
    mixed = images.copy()
    for row in np.flatnonzero(partners != np.arange(len(images))):
        share = float(shares[row])
        mixed[row] = cv2.addWeighted(images[row], share, images[partners[row]], 1 - share, 0.0)
    return mixed, _mixed_labels(labels, partners, shares)


def _mixed_labels(labels: FloatArray, partners: RowArray, shares: FloatArray) -> FloatArray:
    own = np.where(partners == np.arange(len(labels)), np.float32(1), shares)[:, None]
    return np.asarray(own * labels + (1 - own) * labels[partners], dtype=np.float32)
