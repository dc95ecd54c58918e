"""CutMix and MixUp on OpenCV, as keras-cv 0.9.0 draws them, with partners out of the same pool."""

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
    """Paste a rectangle of the partner.

    As in keras-cv the label's share is that of the whole rectangle, also where it reaches over the
    border; the paper counts what is seen of it.
    """
    partners = draw_partners(pools, draws)
    size_px = images.shape[1]
    kept = draws.beta(settings.alpha, settings.alpha, len(images)).astype(np.float32)
    cuts_px = (np.sqrt(1 - kept) * size_px).astype(np.int64)
    centres_px = draws.integers(0, size_px, (len(images), 2))
    shares = (1 - cuts_px**2 / size_px**2).astype(np.float32)
    mixed = images.copy()
    for row in np.flatnonzero(partners != np.arange(len(images))):
        box = square_slices(centres_px[row], int(cuts_px[row]))
        mixed[row][box] = images[partners[row]][box]
    return mixed, _mixed_labels(labels, partners, shares)


def square_slices(centre_px: RowArray, edge_px: int) -> tuple[slice, slice]:
    """Give the rows and columns of a square about a centre, cut off at the upper left border."""
    top, left = np.ceil(centre_px - edge_px / 2).astype(int).tolist()
    return slice(max(top, 0), max(top + edge_px, 0)), slice(max(left, 0), max(left + edge_px, 0))


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
