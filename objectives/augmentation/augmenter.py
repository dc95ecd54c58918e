"""What every augmentation library has to fulfil here, and how one is chosen."""

from collections.abc import Sequence
from typing import Protocol

from objectives.records import FloatArray, ImageArray, RowArray
from spaces.errors import unknown_name
from spaces.operations import Operation

AUGMENTERS = ("opencv", "keras_cv")


class Augmenter(Protocol):
    """Does a chain of operations to pictures, and is pure.

    The same arguments give the same bytes from any thread, process or order of calls, on the same
    kind of device and library versions. A picture's result depends on no other picture but the
    partner that a mixing operation gives it, and that is always one of its own pool.
    """

    name: str
    version: str
    """Changes whenever the same arguments may give other bytes than before."""

    def augment(
        self,
        images: ImageArray,
        labels: FloatArray,
        operations: Sequence[Operation],
        *,
        pools: RowArray,
        seed: int,
    ) -> tuple[ImageArray, FloatArray]:
        """Apply the operations in order.

        Args:
            images: Shape ``(n, px, px, 3)``, grey levels 0 to 255; not changed.
            labels: Shape ``(n, classes)``, each row summing to 1; not changed.
            operations: The chain; an empty one gives the pictures back.
            pools: Shape ``(n,)``: the pool, here a fold, out of which CutMix and MixUp take a
                partner. A picture that is alone in its pool stays as it is.
            seed: At least 0 and below 2**64.

        Returns:
            Pictures and labels of the same shapes.

        Raises:
            InputError: If an array has the wrong shape or type, or an operation is unknown.
        """
        ...


def augmenter(name: str) -> Augmenter:
    """Make the augmenter of a name.

    Args:
        name: ``opencv`` (fast), or ``keras_cv`` (the reference, several times slower).

    Raises:
        InputError: If the name is unknown.
    """
    if name == "opencv":
        from objectives.augmentation.opencv_augmenter import OpenCVAugmenter

        return OpenCVAugmenter()
    if name == "keras_cv":
        from objectives.augmentation.keras_cv_augmenter import KerasCVAugmenter

        return KerasCVAugmenter()
    raise unknown_name("augmenter", name, AUGMENTERS)
