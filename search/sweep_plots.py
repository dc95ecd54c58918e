"""What a sweep shows as Plotly figures; each is loaded with Plotly when it is asked for."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from objectives.records import Phase, View
from spaces.errors import InputError, unknown_name

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go
    from optuna.study import Study

    from search.stored_sweep import StoredSweep


class SweepPlots(ABC):
    """The figures of :class:`search.sweep.Sweep`.

    All raise InputError if the sweep was not launched yet, or has nothing yet to be drawn.
    """

    @abstractmethod
    def trials(self) -> "pd.DataFrame":
        """Read every trial that was begun."""

    @abstractmethod
    def predictions(self, trial: int | None = None) -> "pd.DataFrame":
        """Read out-of-fold predictions."""

    @abstractmethod
    def _stored(self) -> "StoredSweep":
        """Give the sweep as the storage knows it."""

    @abstractmethod
    def _best_number(self) -> int:
        """Give the number of the best trial."""

    def plot_history(self, *, phase: Phase = "head") -> "go.Figure":
        """Draw the score of each trial by its number, and the best so far.

        Args:
            phase: Whose trials: scores of different phases are not compared.
        """
        from search.plots.study_figures import history

        return history(self._study(phase))

    def plot_best_over_time(self) -> "go.Figure":
        """Draw the scores of both phases when they were found, and the best so far."""
        from search.plots.sweep_figures import best_over_time

        return best_over_time(self._phases())

    def plot_importances(self, *, phase: Phase = "head") -> "go.Figure":
        """Draw how much each parameter decides whether a trial is among the best.

        Args:
            phase: Whose trials.
        """
        from search.plots.study_figures import importances

        return importances(self._study(phase))

    def plot_slices(
        self, params: Sequence[str] | None = None, *, phase: Phase = "head"
    ) -> "go.Figure":
        """Draw the score by each parameter alone.

        Args:
            params: Names of parameters, as :meth:`plot_importances` shows them; None takes all.
            phase: Whose trials.

        Raises:
            InputError: Also if no finished trial has such a parameter.
        """
        from search.plots.study_figures import slices

        return slices(self._study(phase), params)

    def plot_parallel_coordinates(
        self, params: Sequence[str] | None = None, *, phase: Phase = "head"
    ) -> "go.Figure":
        """Draw each trial as a line through its parameters; arguments as of :meth:`plot_slices`."""
        from search.plots.study_figures import parallel_coordinates

        return parallel_coordinates(self._study(phase), params)

    def plot_clean_against_shifted(self) -> "go.Figure":
        """Draw both scores of each trial, and the Pareto front of them."""
        from search.plots.sweep_figures import clean_against_shifted

        return clean_against_shifted(self.trials())

    def plot_timeline(self) -> "go.Figure":
        """Draw which worker ran which trial when."""
        from search.plots.sweep_figures import worker_timeline

        return worker_timeline(self._phases())

    def plot_confusion_matrix(
        self, trial: int | None = None, *, view: View = "clean"
    ) -> "go.Figure":
        """Count the images by their class and by the class that a trial predicted out of fold.

        Args:
            trial: Its number; None takes the best.
            view: ``clean`` or ``shifted``.
        """
        from search.plots.prediction_figures import confusion_matrix

        return confusion_matrix(self._predictions_of_one(trial), view)

    def plot_reliability(self, trial: int | None = None) -> "go.Figure":
        """Draw how often each confidence of a trial is right, out of fold.

        Args:
            trial: Its number; None takes the best.
        """
        from search.plots.prediction_figures import reliability_diagram

        return reliability_diagram(self._predictions_of_one(trial))

    def _predictions_of_one(self, trial: int | None) -> "pd.DataFrame":
        return self.predictions(self._best_number() if trial is None else trial)

    def _phases(self) -> "pd.DataFrame":
        from search.trial_table import phase_table

        stored = self._stored()
        workers, now_s = stored.workers.seen()
        return phase_table(stored.slots.all(), workers, now_s=now_s)

    def _study(self, phase: Phase) -> "Study":
        from search.study.study import PHASES, study_exists

        if phase not in PHASES:
            raise unknown_name("phase", phase, PHASES)
        stored = self._stored()
        if not study_exists(stored.storage, stored.row.name, phase):
            raise InputError(f"no trial of {stored.row.name} has begun its phase {phase!r} yet.")
        return stored.study(phase).optuna_study
