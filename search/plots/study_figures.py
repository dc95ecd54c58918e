"""Figures of an Optuna study, drawn by Optuna's own functions."""

from collections.abc import Sequence

import optuna.visualization as drawn_by_optuna
import plotly.graph_objects as go
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from spaces.errors import InputError, unknown_name

SCORE = "score"
LEAST_FOR_IMPORTANCES = 2


def history(study: Study) -> go.Figure:
    """Draw the score of each trial by its number, and the best so far.

    Args:
        study: Of one phase.

    Raises:
        InputError: If no trial of it is finished.
    """
    _refuse_unless_finished(study)
    figure = drawn_by_optuna.plot_optimization_history(study, target_name=SCORE)
    return _titled(figure, "score by trial")


def importances(study: Study) -> go.Figure:
    """Draw how much each parameter decides whether a trial is among the best (PED-ANOVA).

    Args:
        study: Of one phase.

    Raises:
        InputError: If fewer than two trials of it are finished.
    """
    _refuse_unless_finished(study, at_least=LEAST_FOR_IMPORTANCES)
    figure = drawn_by_optuna.plot_param_importances(study, target_name=SCORE)
    return _titled(figure, "importance of each parameter")


def slices(study: Study, params: Sequence[str] | None = None) -> go.Figure:
    """Draw the score by each parameter alone.

    Args:
        study: Of one phase.
        params: Names as the study has them; None takes all.

    Raises:
        InputError: If no trial of it is finished, or none has such a parameter.
    """
    names = _known_params(study, params)
    figure = drawn_by_optuna.plot_slice(study, names, target_name=SCORE)
    return _titled(figure, "score by parameter")


def parallel_coordinates(study: Study, params: Sequence[str] | None = None) -> go.Figure:
    """Draw each trial as a line through its parameters; arguments as of :func:`slices`."""
    names = _known_params(study, params)
    figure = drawn_by_optuna.plot_parallel_coordinate(study, names, target_name=SCORE)
    return _titled(figure, "parameters of each trial")


def _known_params(study: Study, params: Sequence[str] | None) -> list[str] | None:
    _refuse_unless_finished(study)
    if params is None:
        return None
    if isinstance(params, str):
        params = [params]
    known = {name for trial in _finished(study) for name in trial.params}
    for name in params:
        if name not in known:
            raise unknown_name("parameter", name, known)
    return list(params)


def _refuse_unless_finished(study: Study, *, at_least: int = 1) -> None:
    n_finished = len(_finished(study))
    if n_finished < at_least:
        raise InputError(
            f"{study.study_name} has {n_finished or 'no'} finished trials; this figure needs "
            f"{at_least} or more."
        )


def _finished(study: Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def _titled(figure: go.Figure, title: str) -> go.Figure:
    return figure.update_layout(title=title)
