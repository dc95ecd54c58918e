import time

import numpy as np
import pytest

from objectives.evaluation.latency import measure_latency_ms

IMAGES = np.zeros((3, 4, 4, 3), np.uint8)


def test_a_latency_is_the_time_of_a_batch_by_its_images_without_the_first_call() -> None:
    sizes: list[int] = []

    def predict(images: np.ndarray) -> None:
        # The first call at a size traces, and takes longer.
        time.sleep(0.002 * len(images) if len(images) in sizes else 1.0)
        sizes.append(len(images))

    found = measure_latency_ms(predict, IMAGES, repeats=3)
    assert sizes == [1] * 4 + [32] * 4
    assert set(found) == {1, 32}
    for ms in found.values():
        assert ms == pytest.approx(2.0, rel=0.5)


def test_a_call_that_was_held_up_does_not_count() -> None:
    calls = 0

    def predict(images: np.ndarray) -> None:
        nonlocal calls
        calls += 1
        time.sleep(0.5 if calls == 2 else 0.0)

    assert measure_latency_ms(predict, IMAGES, repeats=5)[1] < 100
