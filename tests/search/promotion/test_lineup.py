"""Who answers: chosen by predictions that a trial's worker left behind."""

import numpy as np
import pytest

from objectives.ensembles.choosing import EnsembleSize
from search.open_sweep import OpenSweep
from search.promotion.lineup import Lineup, choose_lineup
from spaces.errors import InputError
from tests.objectives.ensembles.made_tables import softmax
from tests.search.promotion_home import BAD, CUSTOM, GOOD, Home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("lineup"))


@pytest.fixture(scope="module")
def apart(home: Home) -> OpenSweep:
    """A sweep whose trials know as much as each other, and err on different images."""
    opened = home.sweep("apart", np.arange(0, 537, 5))
    rng = np.random.default_rng(0)
    true = np.eye(3)[home.data.labels[opened.prepared.splits.rows]]
    for trial in (GOOD, BAD, CUSTOM):
        clean, shifted = softmax(1.5 * true + rng.normal(size=(2, *true.shape)))
        home.keep_predictions(opened, trial, clean, shifted)
    return opened


def _choose(opened: OpenSweep, *, trial: int | None = None, size: EnsembleSize = "auto") -> Lineup:
    slots = opened.slots.all()
    return choose_lineup(opened, slots=slots, trial=trial, size=size, on_progress=lambda text: None)


def test_trials_that_err_on_different_images_answer_together(apart: OpenSweep) -> None:
    found = _choose(apart)
    assert len(found.members) > 1
    assert sum(member.weight for member in found.members) == pytest.approx(1)
    assert list(found.weights.values()) == sorted(found.weights.values(), reverse=True)
    assert found.choice is not None
    assert found.choice.comparisons[0].gain.low > 0
    assert found.left_out == {}


def test_a_number_is_the_most_that_answer(apart: OpenSweep) -> None:
    assert len(_choose(apart, size=2).members) == 2


def test_none_takes_one_trial_and_its_temperature(apart: OpenSweep) -> None:
    found = _choose(apart, size="none")
    assert found.trials == (GOOD,)
    assert found.members[0].weight == 1
    assert found.choice is not None
    assert found.choice.comparisons == ()
    # Logits of noise 1 and a true class 1.5 above the others: two thirds of the temperature.
    assert found.members[0].temperature == pytest.approx(1 / 1.5, rel=0.25)


def test_a_trial_that_is_named_answers_alone(apart: OpenSweep) -> None:
    found = _choose(apart, trial=BAD)
    assert found.trials == (BAD,)
    assert found.name == f"trial {BAD}"


def test_a_trial_and_a_number_of_trials_are_not_asked_for_at_once(apart: OpenSweep) -> None:
    with pytest.raises(InputError, match="--trial 1 answers by itself"):
        _choose(apart, trial=1, size=3)


def test_without_any_predictions_the_best_of_the_leaderboard_answers_as_it_is(home: Home) -> None:
    found = _choose(home.sweep("bare", np.arange(0, 537, 5)))
    assert found.trials == (GOOD,)
    assert found.choice is None
    assert found.members[0].temperature == 1
    assert set(found.left_out) == {GOOD, BAD, CUSTOM}
