"""Images a second of each policy: ours against keras-cv's own layers in tf.data, in one run.

``python -m bench.augmentation --json``. Both sides use every core that this process may use. The
baseline is what a user of keras-cv writes: the layers mapped over batches of 64 with AUTOTUNE and
prefetch; flips and geometry by Keras' own layers. It is timed in full flow: the clock runs over the
second of three passes of one iterator, so that neither tracing nor setting up counts. Ours is a
whole view through ``Views``, as a trial reads it, kept nowhere.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from objectives.augmentation import augmenter
from objectives.augmentation.keras_cv_augmenter import keras_cv_layer, keras_layers
from objectives.records import ImageArray, LabelledImages
from objectives.store.array_store import ArrayStore
from objectives.views.views import Views
from spaces.machine import usable_cores
from spaces.operations import Flip, Geometric, Operation
from spaces.policies import parse_path

POLICIES = ("augmix+randaugment", "augmix", "randaugment", "geometric", "flip", "cutmix", "mixup")
BATCH, N_CLASSES, N_FOLDS, REPEATS = 64, 8, 5, 3
BLOOD_CELLS = Path(__file__).parents[1].parent / "shared" / "blood_cells" / "training_set.npz"


def measure(images: ImageArray, policies: Sequence[str]) -> dict[str, Any]:
    """Time every policy at medium strength.

    Args:
        images: Shape ``(n, px, px, 3)``.
        policies: Names as in ``spaces.policies``.

    Returns:
        Images a second of both sides, the best of three passes each, and their ratio.
    """
    results = {}
    for policy in policies:
        with tempfile.TemporaryDirectory(prefix="foldsweep-bench-") as folder:
            passes = [_ours(images, policy, Path(folder)), _keras_cv(images, policy)]
            ours, keras_cv = (len(images) / best_s for best_s in _best_of_each_s(passes))
        results[policy] = {
            "ours_images_per_s": round(ours, 1),
            "keras_cv_images_per_s": round(keras_cv, 1),
            "ratio": round(ours / keras_cv, 2),
        }
    return {
        "images": len(images),
        "image_px": images.shape[1],
        "cores": usable_cores(),
        "load_before": round(os.getloadavg()[0], 2),
        "policies": results,
    }


def _best_of_each_s(timed_passes: Sequence[Callable[[], float]]) -> list[float]:
    """Time each in turn after a warm one, so that a busy machine slows all of them alike."""
    for warm in timed_passes:
        warm()
    return [
        min(times)
        for times in zip(*([t() for t in timed_passes] for _ in range(REPEATS)), strict=True)
    ]


def _consumed_s(items: Iterable[Any]) -> float:
    start_s = time.perf_counter()
    deque(items, maxlen=0)
    return time.perf_counter() - start_s


def _ours(images: ImageArray, policy: str, folder: Path) -> Callable[[], float]:
    labels = np.arange(len(images)) % N_CLASSES
    store = ArrayStore(folder, max_bytes=10**9)
    data = LabelledImages(images, labels, tuple("abcdefgh"), (), "bench")
    rows = np.arange(len(images))
    views = Views(
        data,
        rows,
        rows % N_FOLDS,
        n_classes=N_CLASSES,
        seed=0,
        augmenter=augmenter("opencv"),
        store=store,
    )
    key = views.key(policy, "medium", 0, "train")
    return lambda: _consumed_s(views.shards(key))


def _keras_cv(images: ImageArray, policy: str) -> Callable[[], float]:
    layers = [
        layer
        for operation in parse_path(policy).operations("medium")
        for layer in _layers(operation)
    ]
    labels = np.eye(N_CLASSES, dtype=np.float32)[np.arange(len(images)) % N_CLASSES]

    def augment(pictures: tf.Tensor, classes: tf.Tensor) -> dict[str, tf.Tensor]:
        batch = {"images": tf.cast(pictures, tf.float32), "labels": classes}
        for layer in layers:
            batch = layer(batch)
        return batch

    dataset = (
        tf.data.Dataset.from_tensor_slices((images, labels))
        .batch(BATCH)
        .map(augment, num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )

    def second_of_three_passes_s() -> float:
        batches = iter(dataset.repeat(3))
        deque(islice(batches, len(dataset)), maxlen=0)
        return _consumed_s(islice(batches, len(dataset)))

    return second_of_three_passes_s


def _layers(operation: Operation) -> list[Callable[..., Any]]:
    if isinstance(operation, Flip | Geometric):
        return list(keras_layers(operation, 0))
    return [keras_cv_layer(operation)]


def _images(count: int, image_px: int) -> ImageArray:
    """Take blood cells where they are, and blurred noise elsewhere: speed depends on neither."""
    if BLOOD_CELLS.exists() and image_px == 96:
        with np.load(BLOOD_CELLS) as archive:
            return np.asarray(archive["images"][:count])
    draws = np.random.default_rng(0)
    coarse = draws.integers(0, 256, (count, image_px // 8, image_px // 8, 3)).astype(np.uint8)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="one JSON document, nothing else")
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--image-px", type=int, default=96, help="a multiple of 8")
    parser.add_argument("policies", nargs="*", default=list(POLICIES))
    arguments = parser.parse_args()
    measured = measure(_images(arguments.images, arguments.image_px), arguments.policies)
    if arguments.json:
        json.dump(measured, sys.stdout)
        return
    for policy, row in measured["policies"].items():
        print(
            f"{policy:22} ours {row['ours_images_per_s']:9.0f}/s  "
            f"keras-cv {row['keras_cv_images_per_s']:9.0f}/s  {row['ratio']:6.2f} x"
        )


if __name__ == "__main__":
    main()
