"""What two versions answered about the same held-out images."""

import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mlruns_config.description.promotion import ANSWERS_BESIDE, HOLDOUT_ANSWERS
from mlruns_config.names import TAG_TRIAL
from mlruns_config.registry.promotion_run import PromotionRun, read_artifact
from mlruns_config.registry.versions import Version
from mlruns_config.settings import TrackingSettings
from objectives.evaluation.holdout import (
    HoldoutPredictions,
    HoldoutView,
    predict_holdout,
)
from objectives.records import FloatArray, RowArray
from search.open_sweep import OpenSweep
from search.promotion.champion import Champion, load_version
from search.promotion.content import content_ids, kin_ids
from search.promotion.examination import Holdout
from search.promotion.kept_answers import (
    AnswersAbout,
    HeldOutImages,
    KeptAnswers,
    read_answers,
    save_answers,
)
from search.promotion.tools import MakeViews, own_views
from spaces.errors import InputError

Answers = Mapping[HoldoutView, FloatArray]
"""Probabilities by view, each of shape ``(views, images, classes)``."""


class NothingKeptError(InputError):
    """Two versions cannot be compared by what was kept: look at the holdout, or leave it."""


@dataclass(frozen=True)
class Pair:
    """The answers of two versions, of the views that both were shown alike."""

    about: AnswersAbout
    """Of the second."""
    images: HeldOutImages
    class_names: tuple[str, ...]
    first: Answers
    second: Answers
    has_shift: bool
    """Whether the sweep of the second has a shift, compared or not."""
    looks: int | None = None
    """At these images, if the holdout was opened for it, this time included."""


def kept_pair(tracking: TrackingSettings, first: Version, second: Version) -> Pair:
    """Put together what promotions have kept; the holdout is not opened.

    Where one was compared with the other by a gate, these answers are taken. Else those of both
    promotions are, on the images that both were asked about.

    Args:
        tracking: Where the registry is.
        first: A version.
        second: Another one of the same model.

    Raises:
        NothingKeptError: If too little was kept.
        InputError: If they know other classes, or what was kept is damaged.
        UnavailableError: If MLflow does not answer.
    """
    of_second = _read(tracking, second, beside=first)
    if of_second is not None and _is_beside(of_second, first):
        return _of_one(of_second, is_second=True)
    of_first = _read(tracking, first, beside=second)
    if of_first is not None and _is_beside(of_first, second):
        return _of_one(of_first, is_second=False)
    if of_first is None or of_second is None:
        lacking = first if of_first is None else second
        raise NothingKeptError(
            f"what {lacking.uri} answered about held-out images was not kept by its promotion"
        )
    return join_answers(of_first, of_second)


def join_answers(of_first: KeptAnswers, of_second: KeptAnswers) -> Pair:
    """Take the images that both were asked about, and the views that both were shown alike.

    Args:
        of_first: What a promotion has kept of the first version, its challenger.
        of_second: The same of the second.

    Raises:
        NothingKeptError: If they were not asked about any image in common.
        InputError: If they know other classes.
    """
    if of_first.class_names != of_second.class_names:
        raise InputError(
            f"the classes of the first are {', '.join(of_first.class_names)}, those of the second "
            f"{', '.join(of_second.class_names)}: they cannot be compared."
        )
    ids = of_first.images.content_ids, of_second.images.content_ids
    is_same = np.array_equal(ids[0], ids[1])
    at_first = at_second = np.arange(len(ids[0]))
    if not is_same:
        _, at_first, at_second = np.intersect1d(ids[0], ids[1], return_indices=True)
    if not len(at_first):
        raise NothingKeptError("they were asked about different images, none of them the same")
    shown = of_first.challenger.shown, of_second.challenger.shown
    alike: set[HoldoutView] = {"clean"}
    alike |= {view for view, seen in shown[0].items() if is_same and shown[1].get(view) == seen}
    images = of_second.images.taken(at_second)
    groups = _merged(of_first.images.groups[at_first], images.groups)
    return Pair(
        of_second.about,
        replace(images, groups=groups),
        of_second.class_names,
        _taken(of_first.challenger, at_first, alike),
        _taken(of_second.challenger, at_second, alike),
        has_shift=of_second.challenger.shifted is not None,
    )


def look(
    opened: OpenSweep,
    first: Version,
    second: Version,
    *,
    on_progress: Callable[[str], None],
    views: MakeViews | None = None,
) -> Pair:
    """Ask two versions about the holdout of a sweep; the look is entered, and the answers kept.

    Args:
        opened: The sweep, one of those that they come from.
        first: A version.
        second: Another one of the same model.
        on_progress: Hears what is being done.
        views: Shows held-out rows; None takes a fresh draw of the sweep's shift, and all
            corruptions.

    Raises:
        InputError: If one of them was trained on all that is held out, or knows other classes.
        UnavailableError: If MLflow or the storage does not answer.
    """
    data, splits = opened.prepared.data, opened.prepared.splits
    holdout = Holdout.of(data, splits)
    models = [load_version(opened.tracking, each, data.class_names) for each in (first, second)]
    unseen = np.logical_and.reduce([_unseen(model, opened, holdout.rows) for model in models])
    if not unseen.any():
        raise InputError(
            f"{first.uri} and {second.uri} were together trained on all {len(unseen)} held-out "
            f"images of {opened.row.name}, or on copies of them: a comparison would not be fair."
        )
    holdout = holdout.kept(unseen)
    looks = _enter_look(opened, holdout, second)
    shown = (views or own_views(opened))(holdout.rows)
    answers = []
    for model in models:
        on_progress(f"asking {model.version.uri} about {len(holdout.rows)} held-out images")
        n_classes = len(data.class_names)
        predict = model.classifier.predict
        answers.append(predict_holdout(predict, holdout.images, shown, n_classes=n_classes))
    kept = KeptAnswers(
        AnswersAbout.of(opened, model=second.model, champion=first.number),
        HeldOutImages.of(opened.prepared, holdout),
        data.class_names,
        challenger=answers[1],
        champion=answers[0],
    )
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / ANSWERS_BESIDE.named(version=first.number)
        PromotionRun(opened.tracking, second.run_id).artifact(save_answers(kept, path))
    return replace(_of_one(kept, is_second=True), looks=looks)


def _unseen(model: Champion, opened: OpenSweep, rows: RowArray) -> npt.NDArray[np.bool_]:
    data, splits = opened.prepared.data, opened.prepared.splits
    try:
        return model.unseen(rows, data.content_hashes, splits.groups)
    except InputError:
        return np.zeros(len(rows), dtype=np.bool_)


def _enter_look(opened: OpenSweep, holdout: Holdout, version: Version) -> int:
    """Enter the look that is about to be taken, and count all at these images."""
    data, splits, book = opened.prepared.data, opened.prepared.splits, opened.storage.promotions
    trial = version.tags.get(TAG_TRIAL, "")
    look_id = book.look(
        opened.row.id,
        int(trial) if trial.isdecimal() else 0,
        content_ids([data.content_hashes[row] for row in holdout.rows.tolist()]),
        model=version.model,
        alias="",
        run_id=version.run_id,
    )
    book.note(look_id, reason="two versions were compared", version=version.number)
    return book.count(kin_ids(data, splits, holdout.rows))


def _read(tracking: TrackingSettings, version: Version, *, beside: Version) -> KeptAnswers | None:
    """Read what a version answered, beside another one if that was asked for; None without it."""
    with tempfile.TemporaryDirectory() as scratch:
        for name in (ANSWERS_BESIDE.named(version=beside.number), HOLDOUT_ANSWERS.name):
            path = read_artifact(tracking, version.run_id, name, Path(scratch))
            if path is not None:
                return read_answers(path, f"what {version.uri} answered")
    return None


def _is_beside(kept: KeptAnswers, other: Version) -> bool:
    about = kept.about
    return kept.champion is not None and (about.model, about.champion) == (
        other.model,
        other.number,
    )


def _of_one(kept: KeptAnswers, *, is_second: bool) -> Pair:
    """Take a gate's own comparison: both were shown the same views of the same images."""
    answers = [_by_view(kept.champion), _by_view(kept.challenger)]
    first, second = answers if is_second else reversed(answers)
    has_shift = kept.challenger.shifted is not None
    return Pair(kept.about, kept.images, kept.class_names, first, second, has_shift)


def _taken(
    answers: HoldoutPredictions, places: npt.NDArray[np.intp], views: Collection[HoldoutView]
) -> Answers:
    return {view: found[:, places] for view, found in _by_view(answers).items() if view in views}


def _by_view(answers: HoldoutPredictions | None) -> Answers:
    found = {} if answers is None else answers.by_view()
    return {
        view: probabilities for view, probabilities in found.items() if probabilities is not None
    }


def _merged(first: RowArray, second: RowArray) -> RowArray:
    """Number the groups anew: images that are of one group by either numbering are of one."""
    n_images = len(first)
    _, of_first = np.unique(first, return_inverse=True)
    _, of_second = np.unique(second, return_inverse=True)
    # A graph of images, the first's groups and the second's, each image tied to its two groups.
    ties = np.concatenate([n_images + of_first, n_images + of_first.max() + 1 + of_second])
    images = np.tile(np.arange(n_images), 2)
    size = int(ties.max()) + 1
    graph = coo_array((np.ones(len(ties)), (images, ties)), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    return np.asarray(component[:n_images], dtype=np.int64)
