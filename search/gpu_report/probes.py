"""The processes that ask: ``python -m search.gpu_report.probes NAME``, one JSON line at the end.

A probe sees one GPU or none, by CUDA_VISIBLE_DEVICES. It may crash: whoever runs it says so.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from search.cli.quiet_tensorflow import quiet_tensorflow
from search.gpu_report.throughput import (
    BACKBONE,
    IMAGE_PX,
    augmented_by_keras_cv,
    augmented_by_opencv,
    forwarded,
    pictures,
)

MEMORY_LIMIT_MB = 512
HUNGRY_BACKBONE = "vgg16"
"""A batch of it needs more than ``MEMORY_LIMIT_MB``; a single image does not."""
SHARING_S, PARTNER_TIMEOUT_S = 2.0, 120.0


def sight(_: str) -> dict[str, Any]:
    """Say which GPU TensorFlow sees, and set it up as a worker does."""
    import tensorflow as tf

    from search.workers.device import set_up_gpus

    gpus = tf.config.list_physical_devices("GPU")
    set_up_gpus(mixed_precision=False)
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    return {
        "names": [str(found.get("device_name", "unnamed")) for found in details],
        "capabilities": [list(found.get("compute_capability", ())) for found in details],
        "growth": [bool(tf.config.experimental.get_memory_growth(gpu)) for gpu in gpus],
        "built_with_cuda": bool(tf.test.is_built_with_cuda()),
    }


def precision(_: str) -> dict[str, Any]:
    """Compare float16 with float32."""
    from search.gpu_report.numerics import float16_differences

    return dict(float16_differences(_device()))


def features(_: str) -> dict[str, Any]:
    """Compare features with the CPU's."""
    from search.gpu_report.numerics import feature_difference

    return {"difference": feature_difference(_device(), BACKBONE, IMAGE_PX)}


def memory(_: str) -> dict[str, Any]:
    """Let a GPU with little memory run out of it while features are computed."""
    import tensorflow as tf

    from search.gpu_report.numerics import features_on, relative_difference

    for gpu in tf.config.list_physical_devices("GPU"):
        little = tf.config.LogicalDeviceConfiguration(memory_limit=MEMORY_LIMIT_MB)
        tf.config.set_logical_device_configuration(gpu, [little])
    from objectives.networks.extractors import FeatureExtractor

    extractor = FeatureExtractor(HUNGRY_BACKBONE, "none", IMAGE_PX, features="last")
    before = extractor.batch
    images = pictures(before, IMAGE_PX)
    with tf.device(_device()):
        found = extractor.extract(images)
    some = slice(0, 8)
    wanted = features_on("/CPU:0", HUNGRY_BACKBONE, "none", images[some])
    difference = relative_difference(found[some], wanted)
    return {
        "limit_mb": MEMORY_LIMIT_MB,
        "before": before,
        "after": extractor.batch,
        "difference": difference,
    }


def sharing(folder: str) -> dict[str, Any]:
    """Compute small convolutions at the same time as another process."""
    import tensorflow as tf

    from search.workers.device import set_up_gpus

    set_up_gpus(mixed_precision=False)
    with tf.device(_device()):
        images, kernel = tf.random.normal((32, 64, 64, 16)), tf.random.normal((3, 3, 16, 16))
        convolved = tf.nn.conv2d(images, kernel, 1, "SAME")
        _wait_for_partner(Path(folder))
        began_s, rounds = time.monotonic(), 0
        while time.monotonic() - began_s < SHARING_S:
            again = tf.nn.conv2d(images, kernel, 1, "SAME")
            rounds += int(bool(tf.reduce_all(tf.abs(again - convolved) < 1e-2)))
    return {"began_s": began_s, "ended_s": time.monotonic(), "rounds": rounds}


def opencv_rate(n_images: str) -> dict[str, Any]:
    """Measure what the cores augment."""
    return {"images_per_s": augmented_by_opencv(pictures(int(n_images), IMAGE_PX))}


def keras_cv_rate(n_images: str) -> dict[str, Any]:
    """Measure what keras-cv augments, here."""
    return _as_a_worker(augmented_by_keras_cv, n_images)


def forward_rate(n_images: str) -> dict[str, Any]:
    """Measure what a backbone takes in, here."""
    return _as_a_worker(forwarded, n_images)


def _as_a_worker(measure: Callable[[Any], float], n_images: str) -> dict[str, Any]:
    """Measure with the GPU set up as a worker does, mixed precision where that is fast."""
    from search.workers.device import set_up_gpus

    set_up_gpus()
    rate = measure(pictures(int(n_images), IMAGE_PX))
    return {"images_per_s": rate, "on_gpu": _device() != "/CPU:0"}


PROBES: dict[str, Callable[[str], dict[str, Any]]] = {
    "sight": sight,
    "precision": precision,
    "features": features,
    "memory": memory,
    "sharing": sharing,
    "opencv_rate": opencv_rate,
    "keras_cv_rate": keras_cv_rate,
    "forward_rate": forward_rate,
}


def _device() -> str:
    import tensorflow as tf

    return "/GPU:0" if tf.config.list_physical_devices("GPU") else "/CPU:0"


def _wait_for_partner(folder: Path) -> None:
    (folder / str(os.getpid())).touch()
    ends_s = time.monotonic() + PARTNER_TIMEOUT_S
    while len(list(folder.iterdir())) < 2:
        if time.monotonic() > ends_s:
            raise TimeoutError("the other process did not come")
        time.sleep(0.01)


def main() -> None:
    """Run one probe and print its answer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=PROBES)
    parser.add_argument("argument", nargs="?", default="")
    options = parser.parse_args()
    quiet_tensorflow()
    answer = PROBES[options.name](options.argument)
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
