"""What counts as one draw of the holdout, and what a champion has seen of it."""

import numpy as np
import pytest
from keras import Input, Model

from mlruns_config.registry.saved_classifier import Classifier
from mlruns_config.registry.versions import Version
from objectives.evaluation.bootstrap import draw_resamples, estimate, replicate
from objectives.records import LabelledImages, RowArray, Splits
from search.promotion.champion import Champion
from search.promotion.content import content_ids, kin_ids
from search.promotion.examination import Holdout
from spaces.errors import InputError

N_PATIENTS, N_EACH = 60, 20
N_SIMULATIONS = 500
ACCURACY = 0.8


def _data(contents: tuple[str, ...]) -> LabelledImages:
    n_rows = len(contents)
    images = np.zeros((n_rows, 1, 1, 3), np.uint8)
    return LabelledImages(images, np.zeros(n_rows, np.int64), ("only",), contents, "")


def _splits(rows: RowArray, holdout_rows: RowArray, groups: RowArray) -> Splits:
    return Splits(rows, np.arange(len(rows)) % 2, holdout_rows, groups, "")


def _coverage(groups: RowArray, right: np.ndarray) -> float:
    """How often the interval of 95 % holds the accuracy that the simulation was drawn with."""
    labels = np.zeros(right.shape[1], dtype=np.int64)
    resamples = draw_resamples(groups, n_resamples=1000, seed=1)
    found = [
        estimate(replicate(labels, np.stack([one, ~one], axis=1)[None], "accuracy", resamples))
        for one in right
    ]
    return float(np.mean([entry.low <= ACCURACY <= entry.high for entry in found]))


def test_intervals_over_patients_hold_the_truth_as_often_as_they_say() -> None:
    """Images of a patient are all easy or all hard; no two images are equal."""
    n_images = N_PATIENTS * N_EACH
    rng = np.random.default_rng(0)
    # A beta distribution of mean 0.8 under which two images of a patient correlate by 0.08.
    of_patient = rng.beta(9.2, 2.3, size=(N_SIMULATIONS, N_PATIENTS))
    right = rng.random((N_SIMULATIONS, n_images)) < np.repeat(of_patient, N_EACH, axis=1)
    data = _data(tuple(map(str, range(n_images + 2))))
    patients = np.append(np.repeat(np.arange(N_PATIENTS), N_EACH), [98, 99])
    splits = _splits(np.array([n_images, n_images + 1]), np.arange(n_images), patients)
    holdout = Holdout.of(data, splits)
    assert _coverage(holdout.groups, right) >= 0.90
    _, of_content = np.unique(data.content_hashes[:n_images], return_inverse=True)
    assert _coverage(of_content, right) < 0.85


def _champion(seen: list[str]) -> Champion:
    images = Input((None, None, 3))
    classifier = Classifier(Model(images, images), ("only",))
    return Champion(Version("cells", 1, "", {}, "models:/m-1"), classifier, content_ids(seen))


def test_a_near_copy_of_what_the_champion_was_trained_on_does_not_count() -> None:
    # Row 1 is excluded and a near copy of row 0, row 4 a copy of nothing that was trained on.
    contents = ("a", "a, smaller", "b", "b, brighter", "c")
    groups = np.array([5, 5, 7, 7, 9])
    held_out = np.array([0, 3, 4])
    unseen = _champion(["a, smaller"]).unseen(held_out, contents, groups)
    assert unseen.tolist() == [False, True, True]
    assert _champion(["b"]).unseen(held_out, contents, groups).tolist() == [True, False, True]
    assert _champion(["a"]).unseen(held_out, contents, groups).tolist() == [False, True, True]
    assert _champion(["d"]).unseen(held_out, contents, groups).all()


def test_a_champion_that_knows_every_group_is_not_comparable() -> None:
    with pytest.raises(InputError, match=r"trained on all 2 held-out images or on copies.*--model"):
        _champion(["c"]).unseen(np.array([0, 1]), ("a", "b", "c"), np.array([1, 1, 1]))


def test_kin_are_known_by_content_and_pictures_that_cannot_be_decoded_are_no_kin() -> None:
    data = _data(("a", "", "b", "a", "c"))
    splits = _splits(np.array([0, 2]), np.array([4]), np.array([0, 0, 1, 0, 2]))
    assert kin_ids(data, splits, np.array([0])).tolist() == content_ids(["a"]).tolist()
    assert kin_ids(data, splits, splits.rows).tolist() == sorted(content_ids(["a", "b"]).tolist())
    assert content_ids([""]).item() not in kin_ids(data, splits, np.arange(5)).tolist()
