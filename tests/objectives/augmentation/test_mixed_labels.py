"""A mixed picture's label says what is seen in it: counted in pictures of one grey level each."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

from objectives.augmentation import augmenter
from objectives.records import FloatArray
from spaces.operations import CutMix, MixUp, Operation

LEVELS = np.arange(256, dtype=np.uint8)
PICTURES = np.broadcast_to(LEVELS[:, None, None, None], (256, 40, 40, 3)).copy()
LABELS = np.eye(256, dtype=np.float32)


def _partner_shares(library: str, operation: Operation, seed: int) -> tuple[FloatArray, FloatArray]:
    """Give the partner's share of each picture and of its label; both of shape ``(256,)``."""
    images, labels = augmenter(library).augment(
        PICTURES, LABELS, [operation], pools=np.zeros(256, np.int64), seed=seed
    )
    seen = np.mean(images[..., 0] != LEVELS[:, None, None], axis=(1, 2))
    return seen.astype(np.float32), 1 - np.diagonal(labels)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_cutmix_labels_the_share_that_is_seen(alpha: float) -> None:
    seen, labelled = _partner_shares("opencv", CutMix(alpha), 3)
    np.testing.assert_allclose(labelled, seen, atol=1e-6)
    assert seen.std() > 0.1


def test_cutmix_labels_nothing_but_picture_and_partner() -> None:
    images, labels = augmenter("opencv").augment(
        PICTURES, LABELS, [CutMix(1.0)], pools=np.zeros(256, np.int64), seed=1
    )
    for picture, label in zip(images, labels, strict=True):
        assert set(np.flatnonzero(label)) == set(np.unique(picture))


@pytest.mark.slow
def test_keras_cv_shows_the_same_share_but_labels_what_is_not_seen_too() -> None:
    ours = np.concatenate([_partner_shares("opencv", CutMix(1.0), seed)[0] for seed in range(4)])
    both = [_partner_shares("keras_cv", CutMix(1.0), seed) for seed in range(4)]
    seen = np.concatenate([shares[0] for shares in both])
    labelled = np.concatenate([shares[1] for shares in both])
    assert ks_2samp(ours, seen).pvalue > 1e-3
    # A square of area u about a uniform centre shows (u^(1/2) - u / 4)^2 of itself on the average,
    # and u is uniform at alpha 1. Within four standard errors of a mean of 1,024:
    assert abs(seen.mean() - (1 / 2 - 1 / 5 + 1 / 48)) < 4 * seen.std() / 32
    assert abs(labelled.mean() - 1 / 2) < 4 * labelled.std() / 32
    assert np.all(labelled >= seen - 1e-6)


def test_mixup_labels_the_share_that_it_blends() -> None:
    images, labels = augmenter("opencv").augment(
        PICTURES, LABELS, [MixUp(1.0)], pools=np.zeros(256, np.int64), seed=2
    )
    expected = labels @ LEVELS.astype(np.float32)
    np.testing.assert_allclose(images[:, 0, 0, 0], expected, atol=0.51)
