"""What models answered about held-out images, kept with the promotion that asked them.

So two versions can be compared without another look at the holdout.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from objectives.data.archive import Archive, opened_archive
from objectives.evaluation.holdout import HoldoutPredictions, HoldoutView
from objectives.records import FloatArray, LabelArray, RowArray
from objectives.settings import Metric, ScoreKind
from search.open_sweep import OpenSweep
from search.preparation import Prepared
from search.promotion.content import content_ids
from search.promotion.examination import Holdout
from search.storage.promotions import ContentIds
from spaces.errors import InputError

Whose = Literal["challenger", "champion"]
LONGEST_NAME = 200


@dataclass(frozen=True)
class HeldOutImages:
    """The images that were asked about; all arrays have one entry an image."""

    content_ids: ContentIds
    """64 bits of the content: what an image is known by from one sweep to the next."""
    rows: RowArray
    """In the data of the sweep."""
    names: npt.NDArray[np.str_]
    """What people call them."""
    labels: LabelArray
    groups: RowArray

    @classmethod
    def of(cls, prepared: Prepared, holdout: Holdout) -> "HeldOutImages":
        """Say which images are asked about.

        Args:
            prepared: The data of the sweep.
            holdout: Of it, the images.
        """
        rows = holdout.rows.tolist()
        return cls(
            content_ids([prepared.data.content_hashes[row] for row in rows]),
            holdout.rows,
            np.asarray([prepared.name(row) for row in rows]),
            holdout.labels,
            holdout.groups,
        )

    def taken(self, places: npt.NDArray[np.intp]) -> "HeldOutImages":
        """Give some of them, in the order of their places."""
        return HeldOutImages(
            self.content_ids[places],
            self.rows[places],
            self.names[places],
            self.labels[places],
            self.groups[places],
        )


class AnswersAbout(BaseModel):
    """How the answers came about."""

    model_config = ConfigDict(frozen=True)

    sweep: str
    fingerprint: str
    """Of the sweep's data."""
    model: str
    """Name of the registered model whose champion was asked too."""
    champion: int | None
    """That version; None if there was none."""
    metric: Metric
    score: ScoreKind
    seed: int

    @classmethod
    def of(cls, opened: OpenSweep, *, model: str, champion: int | None) -> "AnswersAbout":
        """Say how answers about the holdout of a sweep come about."""
        file = opened.file
        return cls(
            sweep=opened.row.name,
            fingerprint=opened.row.fingerprint,
            model=model,
            champion=champion,
            metric=file.validation.metric,
            score=file.validation.score,
            seed=file.search.seed,
        )


@dataclass(frozen=True)
class KeptAnswers:
    """The answers of a challenger, and of the champion that it was compared with."""

    about: AnswersAbout
    images: HeldOutImages
    class_names: tuple[str, ...]
    challenger: HoldoutPredictions
    champion: HoldoutPredictions | None


def save_answers(kept: KeptAnswers, path: Path) -> Path:
    """Write answers as plain arrays."""
    images = kept.images
    arrays: dict[str, Any] = {
        "about": np.asarray(kept.about.model_dump_json()),
        "shown": np.asarray(json.dumps(dict(kept.challenger.shown))),
        "class_names": np.asarray(kept.class_names),
        "corruption_names": np.asarray(kept.challenger.corruption_names, dtype=np.str_),
        "content_ids": images.content_ids,
        "rows": images.rows,
        "names": np.asarray([name[:LONGEST_NAME] for name in images.names.tolist()]),
        "labels": images.labels,
        "groups": images.groups,
    }
    for whose, answers in (("challenger", kept.challenger), ("champion", kept.champion)):
        views = {} if answers is None else answers.by_view()
        arrays |= {f"{whose}_{view}": found for view, found in views.items() if found is not None}
    np.savez_compressed(path, allow_pickle=False, **arrays)
    return path


def read_answers(path: Path, what: str) -> KeptAnswers:
    """Read answers; whatever lies in the file, nothing of it is run.

    Args:
        path: Of the file.
        what: What to call it in an error.

    Raises:
        InputError: If it is no such file, or its arrays do not fit together.
    """
    try:
        with opened_archive(path) as archive:
            return _read(archive)
    except (InputError, ValidationError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{what} cannot be read: {reason}") from None


def _read(archive: Archive) -> KeptAnswers:
    images = HeldOutImages(
        archive.read("content_ids").astype(np.uint64),
        archive.read("rows").astype(np.int64),
        archive.read("names").astype(np.str_),
        archive.read("labels").astype(np.int64),
        archive.read("groups").astype(np.int64),
    )
    shapes = {len(each) if each.ndim == 1 else -1 for each in vars(images).values()}
    if len(shapes) != 1 or -1 in shapes:
        raise InputError("its arrays are not of the same images")
    class_names = tuple(map(str, archive.read("class_names").tolist()))
    shape = len(images.rows), len(class_names)
    if not ((images.labels >= 0) & (images.labels < shape[1])).all():
        raise InputError("it has labels of no class")
    challenger = _predictions(archive, "challenger", shape)
    if challenger is None:
        raise InputError("it has no answers of a challenger")
    return KeptAnswers(
        AnswersAbout.model_validate_json(str(archive.read("about"))),
        images,
        class_names,
        challenger,
        _predictions(archive, "champion", shape),
    )


def _predictions(
    archive: Archive, whose: Whose, shape: tuple[int, int]
) -> HoldoutPredictions | None:
    found = {
        view: _probabilities(archive, f"{whose}_{view}", shape)
        for view in ("clean", "shifted", "corrupted")
        if f"{whose}_{view}" in archive.names
    }
    if not found.keys() >= {"clean", "corrupted"}:
        return None
    shown = json.loads(str(archive.read("shown")))
    return HoldoutPredictions(
        clean=found["clean"],
        shifted=found.get("shifted"),
        corrupted=found["corrupted"],
        corruption_names=tuple(map(str, archive.read("corruption_names").tolist())),
        shown=cast(Mapping[HoldoutView, str], shown),
    )


def _probabilities(archive: Archive, name: str, shape: tuple[int, int]) -> FloatArray:
    found = archive.read(name).astype(np.float32)
    if found.ndim != 3 or found.shape[1:] != shape:
        raise InputError(
            f"its {name} has shape {found.shape}, expected (views, {shape[0]}, {shape[1]})"
        )
    return found
