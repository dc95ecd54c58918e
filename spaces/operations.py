"""The operations that a policy chains, and the values behind their quantised strengths.

``medium`` is the default of the layer that each operation follows: keras-cv 0.9.0 for RandAugment,
AugMix, CutMix and MixUp; for the geometric ones the values of TensorFlow's tutorial "Image
classification" (RandomRotation(0.1), RandomZoom(0.1)). ``low`` and ``high`` halve and double it,
RandAugment's magnitude, which ends at 1, takes 0.25 and 0.75, and MixUp's three values span the
range in which its authors saw gains on ImageNet (Zhang et al. 2018, arXiv:1710.09412).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

Strength = Literal["low", "medium", "high"]
STRENGTHS: tuple[Strength, ...] = ("low", "medium", "high")


class Operation(Protocol):
    """One step of a policy with its settings; two with the same settings are equal."""

    @property
    def mixes_images(self) -> bool:
        """True if an image's result depends on another image."""
        ...

    def __hash__(self) -> int:
        """Hash by settings."""
        ...


@dataclass(frozen=True)
class Flip:
    """Mirror each named axis with probability 1/2, independently; ``transpose`` swaps the axes."""

    vertical: bool
    transpose: bool
    mixes_images = False


@dataclass(frozen=True)
class Geometric:
    """Flip left to right, rotate, zoom, translate: each drawn uniformly, reflected at the border.

    ``rotation`` is the largest angle as a share of a full turn, ``zoom`` the largest change of
    scale, ``translation`` the largest shift as a share of the image, all of either sign.
    """

    rotation: float
    zoom: float
    translation: float
    mixes_images = False


@dataclass(frozen=True)
class RandAugment:
    """``count`` operations a picture, each applied with probability ``rate``.

    Source: Cubuk et al. 2019, arXiv:1909.13719, as in ``keras_cv.layers.RandAugment``.
    """

    magnitude: float
    magnitude_stddev: float = 0.15
    count: int = 3
    rate: float = 10 / 11
    mixes_images = False


@dataclass(frozen=True)
class AugMix:
    """Mix ``chains`` chains of one to ``depth`` operations with the picture itself.

    Source: Hendrycks et al. 2020, arXiv:1912.02781, as in ``keras_cv.layers.AugMix``.
    """

    severity: float
    chains: int = 3
    depth: int = 3
    alpha: float = 1.0
    mixes_images = False


@dataclass(frozen=True)
class CutMix:
    """Paste a rectangle of another picture; ``alpha`` shapes the Beta law of its area.

    Source: Yun et al. 2019, arXiv:1905.04899, as in ``keras_cv.layers.CutMix``.
    """

    alpha: float
    mixes_images = True


@dataclass(frozen=True)
class MixUp:
    """Blend with another picture; ``alpha`` shapes the Beta law of the share.

    Source: Zhang et al. 2018, arXiv:1710.09412, as in ``keras_cv.layers.MixUp``.
    """

    alpha: float
    mixes_images = True


BUILT_IN = (Flip, Geometric, RandAugment, AugMix, CutMix, MixUp)

ImageFunction = Callable[
    [npt.NDArray[np.uint8], Strength, np.random.Generator], npt.NDArray[np.uint8]
]


@dataclass(frozen=True)
class OwnFunction:
    """A user's own step: ``function(image, strength, generator) -> image``, one picture at a time.

    The picture is uint8 of shape ``(px, px, 3)`` and must come back so. All chance comes from
    ``generator``, or the same view would not be the same twice. ``digest`` is a hash of the
    function's source: editing it makes new views.
    """

    name: str
    digest: str
    function: ImageFunction
    strength: Strength
    mixes_images = False


@dataclass(frozen=True)
class Scale:
    """What one number means to an operation: its strength, above 0 and at most ``high``."""

    parameter: str
    high: float
    levels: Mapping[Strength, float]
    make: Callable[[float], Operation]


def _levels(low: float, medium: float, high: float) -> Mapping[Strength, float]:
    return {"low": low, "medium": medium, "high": high}


SCALES: Mapping[str, Scale] = {
    "geometric": Scale(
        "rotation, zoom and translation",
        0.5,
        _levels(0.05, 0.1, 0.2),
        lambda share: Geometric(rotation=share, zoom=share, translation=share),
    ),
    "randaugment": Scale("magnitude", 1.0, _levels(0.25, 0.5, 0.75), RandAugment),
    "augmix": Scale("severity", 1.0, _levels(0.15, 0.3, 0.6), AugMix),
    "cutmix": Scale("alpha", 10.0, _levels(0.5, 1.0, 2.0), CutMix),
    "mixup": Scale("alpha", 10.0, _levels(0.1, 0.2, 0.4), MixUp),
}
"""The operations whose strength may also be a number."""

SETTINGS: Mapping[str, Mapping[Strength, Operation]] = {
    "flip": {
        "low": Flip(vertical=False, transpose=False),
        "medium": Flip(vertical=True, transpose=False),
        "high": Flip(vertical=True, transpose=True),
    },
    **{
        name: {strength: scale.make(number) for strength, number in scale.levels.items()}
        for name, scale in SCALES.items()
    },
}
