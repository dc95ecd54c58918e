"""Whether a GPU computes what the CPU computes."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from objectives.networks.backbones import build_backbone
from objectives.networks.extractors import FeatureArray, FeatureExtractor
from objectives.records import ImageArray
from search.gpu_report.throughput import pictures

CPU = "/CPU:0"
NORMALISING_PASSES = 20


def float16_differences(device: str) -> dict[str, float]:
    """Compute in float16 on a device and in float32 on the CPU.

    Returns:
        For each operation the largest difference, as a share of the largest value.
    """
    draws = np.random.default_rng(0)
    left, right = draws.normal(size=(2, 256, 256))
    images, kernel = draws.normal(size=(8, 32, 32, 16)), draws.normal(size=(3, 3, 16, 32))
    operations: dict[str, tuple[Callable[..., Any], Any, Any]] = {
        "matmul": (tf.matmul, left, right),
        "convolution": (lambda a, b: tf.nn.conv2d(a, b, 1, "SAME"), images, kernel),
    }
    return {
        name: relative_difference(
            _on(device, tf.float16, *operation), _on(CPU, tf.float32, *operation)
        )
        for name, operation in operations.items()
    }


def feature_difference(device: str, backbone: str, image_px: int) -> float:
    """Compare a device's features with the CPU's, as a share of the largest one."""
    images = pictures(32, image_px)
    with tempfile.TemporaryDirectory(prefix="foldsweep-gpu-") as folder:
        weights = str(made_weights(backbone, images, Path(folder)))
        on_device, on_cpu = (
            features_on(place, backbone, weights, images) for place in (device, CPU)
        )
    return relative_difference(on_device, on_cpu)


def made_weights(backbone: str, images: ImageArray, folder: Path) -> Path:
    """Make random weights whose activations are of the size that trained ones have.

    Where there is batch normalisation it has seen the images: else every layer would shrink them,
    until a float16 holds nothing of the last ones.
    """
    keras.utils.set_random_seed(0)
    with tf.device(CPU):
        network = build_backbone(backbone, "none", images.shape[1])
        for _ in range(NORMALISING_PASSES):
            network(tf.cast(images, tf.float32), training=True)
        path = folder / "made.weights.h5"
        network.save_weights(path)
    return path


def features_on(device: str, backbone: str, weights: str, images: ImageArray) -> FeatureArray:
    """Compute features on a device."""
    with tf.device(device):
        extractor = FeatureExtractor(backbone, weights, images.shape[1], features="last")
        return extractor.extract(images)


def relative_difference(found: Any, wanted: Any) -> float:
    """Give the largest difference as a share of the largest value that was wanted."""
    wanted = np.asarray(wanted, np.float64)
    return float(np.abs(np.asarray(found, np.float64) - wanted).max() / np.abs(wanted).max())


def _on(device: str, dtype: Any, operation: Callable[..., Any], left: Any, right: Any) -> Any:
    with tf.device(device):
        return operation(tf.cast(left, dtype), tf.cast(right, dtype)).numpy()
