"""The fast augmenter: OpenCV's operations on whole grey levels, randomness by counter."""

from collections.abc import Sequence

import cv2

from objectives.augmentation.batch_check import check_batch
from objectives.augmentation.draws import generator
from objectives.augmentation.opencv_augmix import aug_mix
from objectives.augmentation.opencv_geometric import flip, geometric
from objectives.augmentation.opencv_mixing import cut_mix, mix_up
from objectives.augmentation.opencv_randaugment import rand_augment
from objectives.augmentation.own_function import apply_own_function
from objectives.records import FloatArray, ImageArray, RowArray
from spaces.errors import InputError
from spaces.operations import (
    AugMix,
    CutMix,
    Flip,
    Geometric,
    MixUp,
    Operation,
    OwnFunction,
    RandAugment,
)


class OpenCVAugmenter:
    """Fulfils :class:`objectives.augmentation.Augmenter`; OpenCV lets go of Python's lock."""

    name = "opencv"
    version = f"2-cv{cv2.__version__}"

    def __init__(self) -> None:
        # The caller's threads work on different pictures: OpenCV's own would only get in their way.
        cv2.setNumThreads(1)

    def augment(
        self,
        images: ImageArray,
        labels: FloatArray,
        operations: Sequence[Operation],
        *,
        pools: RowArray,
        seed: int,
    ) -> tuple[ImageArray, FloatArray]:
        """Apply the operations in order, as :class:`objectives.augmentation.Augmenter` says."""
        check_batch(images, labels, pools, seed)
        for position, operation in enumerate(operations):
            draws = generator(seed, position)
            match operation:
                case Flip():
                    images = flip(images, operation, draws)
                case Geometric():
                    images = geometric(images, operation, draws)
                case RandAugment():
                    images = rand_augment(images, operation, draws)
                case AugMix():
                    images = aug_mix(images, operation, draws)
                case CutMix():
                    images, labels = cut_mix(images, labels, operation, pools, draws)
                case MixUp():
                    images, labels = mix_up(images, labels, operation, pools, draws)
                case OwnFunction():
                    images = apply_own_function(images, operation, seed, position)
                case _:
                    raise InputError(f"the opencv augmenter has no operation {operation!r}")
        # Every operation has made new images; labels may still be the caller's.
        return (images if operations else images.copy()), labels.copy()
