"""Compare two versions of a registered model on the holdout."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mlruns_config.names import TAG_SWEEP
from mlruns_config.registry.listing import read_model
from mlruns_config.registry.versions import Version
from mlruns_config.settings import TrackingSettings
from search.open_sweep import OpenSweep
from search.promotion.comparison import ChangedImage, Comparison, compare_pair
from search.promotion.pairing import NothingKeptError, Pair, kept_pair, look
from search.promotion.tools import MakeViews, say_nothing
from search.settings import RuntimeSettings
from spaces.errors import InputError, UnavailableError

MOST_PICTURES = 48


@dataclass(frozen=True)
class ComparedVersions:
    """Two versions, and what was found."""

    first: Version
    second: Version
    found: Comparison
    picture: Path | None = None
    """Of images that changed, if one was asked for."""

    def to_json(self) -> dict[str, Any]:
        """Give what ``foldsweep compare --json`` prints."""
        return {
            "model": self.first.model,
            "first": self.first.number,
            "second": self.second.number,
            **self.found.to_json(),
            "picture": None if self.picture is None else str(self.picture),
        }


def compare_versions(
    model: str,
    first: str,
    second: str,
    *,
    take_look: bool = False,
    picture: Path | None = None,
    settings: RuntimeSettings | None = None,
    open_sweep: Callable[[str], OpenSweep] | None = None,
    views: MakeViews | None = None,
    on_progress: Callable[[str], None] = say_nothing,
) -> ComparedVersions:
    """Compare by the answers that promotions have kept, so that the holdout is not opened again.

    Args:
        model: Name of the registered model.
        first: Number or alias of a version.
        second: Those of another one.
        take_look: Whether to ask both about the holdout where too little was kept; that look is
            counted.
        picture: Where a picture of images that changed goes: a PNG. It takes the data of the sweep.
        settings: Of this machine; from the environment if None.
        open_sweep: Opens a sweep of a name; None opens it in this home.
        views: Shows held-out rows; None takes the sweep's.
        on_progress: Hears what is being done.

    Raises:
        InputError: If there is no such version, or they cannot be compared.
        UnavailableError: If MLflow or the storage does not answer.
    """
    if picture is not None:
        _check_place(picture)
    settings = settings or RuntimeSettings.from_environment()
    tracking = TrackingSettings.from_environment(settings.home)
    listed = read_model(tracking, model)
    versions = listed.version(first), listed.version(second)
    if versions[0].number == versions[1].number:
        raise InputError(
            f"{first} and {second} are one version, {versions[0].uri}: name two that differ."
        )
    opening = open_sweep or _joined
    try:
        pair = kept_pair(tracking, *versions)
    except NothingKeptError as error:
        if not take_look:
            raise InputError(
                f"{error}: with --look both are asked about the holdout of the sweep, and that "
                "look is counted."
            ) from None
        opened = opening(_sweep_of(*versions))
        pair = look(opened, *versions, on_progress=on_progress, views=views)
    compared = ComparedVersions(*versions, compare_pair(pair))
    if picture is None:
        return compared
    on_progress("drawing the images that changed")
    return replace(compared, picture=_draw(compared, pair, opening(pair.about.sweep), picture))


def _check_place(picture: Path) -> None:
    """Refuse a place for a picture before anything is looked at for it."""
    if picture.suffix.lower() != ".png" or not picture.parent.is_dir():
        raise InputError(
            f"--picture {picture} is no place for a picture: name a .png file in a folder that is "
            "there."
        )


def _joined(name: str) -> OpenSweep:
    """Open a sweep of this home, with its data."""
    from search.joining import join
    from search.sweep import Sweep

    sweep = Sweep.open(name)
    sweep.refuse_unless_runnable()
    return join(sweep.file, sweep.settings)


def _sweep_of(first: Version, second: Version) -> str:
    """Name the sweep whose holdout both are asked about: that of the second, if it has one."""
    for version in (second, first):
        if TAG_SWEEP in version.tags:
            return version.tags[TAG_SWEEP]
    raise InputError(
        f"neither {first.uri} nor {second.uri} says which sweep it comes from, so there is no "
        "holdout to compare them on."
    )


def _draw(compared: ComparedVersions, pair: Pair, opened: OpenSweep, path: Path) -> Path:
    from objectives.evaluation.changed_pictures import draw_changed_images

    if opened.row.fingerprint != pair.about.fingerprint:
        raise InputError(
            f"the data of the sweep {opened.row.name} are not those of the comparison, so its "
            "images cannot be drawn: leave --picture out."
        )
    changed = compared.found.changed[:MOST_PICTURES]
    images = [np.asarray(opened.prepared.data.images[image.row]) for image in changed]
    numbers = compared.first.number, compared.second.number
    try:
        return draw_changed_images(images, [_caption(each, numbers) for each in changed], path)
    except OSError as error:
        raise UnavailableError(f"the picture {path} cannot be written: {error}.") from None


def _caption(image: ChangedImage, numbers: tuple[int, int]) -> list[str]:
    said = [
        f"{number}: {guess.probability:.0%} {guess.label}"
        for number, guess in zip(numbers, (image.first, image.second), strict=True)
    ]
    return [f"is {image.label}", *said]
