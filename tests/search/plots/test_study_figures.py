"""Figures of a study: Optuna draws them, we say which, and refuse what would be empty."""

import math

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.importance import get_param_importances
from optuna.trial import TrialState, create_trial

from search.plots.study_figures import history, importances, parallel_coordinates, slices
from spaces.errors import InputError


def study_of(n_done: int, n_pruned: int = 0) -> optuna.Study:
    """A study whose score is decided by the rate, and in which only one optimizer has it."""
    study = optuna.create_study(direction="maximize", study_name="cells")
    for number in range(n_done + n_pruned):
        rate = 10 ** (-4 + number % 7 / 2)
        is_adamw = number % 3 > 0
        params: dict[str, str | float] = {"optimizer": "adamw" if is_adamw else "sgd"}
        params |= {"adamw_learning_rate": rate} if is_adamw else {}
        distributions = {
            "optimizer": CategoricalDistribution(("adamw", "sgd")),
            "adamw_learning_rate": FloatDistribution(1e-4, 1e-1, log=True),
        }
        is_done = number < n_done
        study.add_trial(
            create_trial(
                state=TrialState.COMPLETE if is_done else TrialState.PRUNED,
                value=1 + math.log10(rate) / 10 if is_done else None,
                params=params,
                distributions={name: distributions[name] for name in params},
            )
        )
    return study


def test_the_history_has_every_score_and_the_best_so_far() -> None:
    study = study_of(12, n_pruned=3)
    points, best = history(study).data[:2]
    scores = [trial.value for trial in study.get_trials(states=(TrialState.COMPLETE,))]
    assert list(points.y) == scores
    assert list(best.y)[:12] == [max(scores[: n + 1]) for n in range(12)]  # type: ignore[type-var]
    assert list(points.x) == list(range(12))


def test_the_importances_are_those_that_optuna_computes() -> None:
    study = study_of(40)
    (bars,) = importances(study).data
    expected = get_param_importances(study)
    drawn = dict(zip(bars.y, bars.x, strict=True))
    assert set(drawn) == {"optimizer", "adamw_learning_rate"}
    assert drawn == pytest.approx(expected)


def test_slices_and_parallel_coordinates_show_the_parameters_that_were_asked_for() -> None:
    study = study_of(10)
    figure = slices(study, ["adamw_learning_rate"])
    assert figure.layout.xaxis.title.text == "adamw_learning_rate"
    assert figure.layout.xaxis.type == "log"
    assert len(slices(study).data) == 2
    coordinates = parallel_coordinates(study, ["optimizer"])
    assert list(coordinates.layout.xaxis.ticktext) == ["score", "optimizer"]


def test_a_parameter_may_be_named_alone() -> None:
    assert slices(study_of(5), "optimizer").layout.xaxis.title.text == "optimizer"


@pytest.mark.parametrize("draw", [slices, parallel_coordinates])
def test_a_parameter_that_no_trial_has_is_refused_with_the_nearest(draw: object) -> None:
    with pytest.raises(InputError, match=r"'optimiser'.*Did you mean 'optimizer'"):
        draw(study_of(5), ["optimiser"])  # type: ignore[operator]


@pytest.mark.parametrize("draw", [history, importances, slices, parallel_coordinates])
def test_a_study_without_a_finished_trial_is_refused(draw: object) -> None:
    with pytest.raises(InputError, match="cells has no finished trials"):
        draw(study_of(0, n_pruned=2))  # type: ignore[operator]


def test_importances_of_one_trial_are_refused() -> None:
    with pytest.raises(InputError, match="has 1 finished trials; this figure needs 2 or more"):
        importances(study_of(1))
