"""The plain loop's augmentation takes a policy's paths by turns, labels with their images."""

import numpy as np
import pytest

from bench.augmentation_layers import augmented_batches

N_IMAGES = 20


@pytest.mark.slow
def test_a_third_of_a_batch_stays_as_it_is_where_one_of_three_paths_is_none() -> None:
    images = np.random.default_rng(0).integers(0, 255, (N_IMAGES, 32, 32, 3), dtype=np.uint8)
    batches = augmented_batches(
        images,
        np.eye(N_IMAGES, dtype=np.float32),
        policy="none|flip+randaugment|flip+randaugment",
        strength="high",
        batch_size=9,
        passes=1,
    )
    seen = []
    for pictures, labels in batches.as_numpy_iterator():
        places = labels.argmax(axis=1)
        seen.extend(places)
        untouched = (pictures == images[places]).all(axis=(1, 2, 3))
        assert len(places) < 3 or untouched.sum() >= len(places) // 3
        assert not untouched.all()
    assert sorted(seen) == list(range(N_IMAGES))
