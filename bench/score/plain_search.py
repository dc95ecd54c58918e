"""The search that a good user writes today: Optuna over Keras ``fit``, fold by fold.

Its space are the MobileNets, the head's width, dropout and rate, and how much is fine-tuned at what
rate; augmentation, optimizer and loss are those of the recipe ``robust``, which is its first point.
A median pruner gives up trials between folds.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import Any, Protocol

import optuna

from bench.progress import say
from bench.score.candidates import Candidate
from bench.score.data import ScoreData
from bench.score.plain_fold import FittedFold, Lengths, PlainFolds, PlainPoint, TimeIsUpError
from bench.score.sizes import ScoreSize
from spaces.params import TrialParams
from spaces.recipes import RECIPES

SEED = 0
RECIPE = RECIPES["robust"]
SEARCHED_OF_RECIPE = ("learning_rate", "dense_units")


class TrainsFolds(Protocol):
    """Trains what the search asks for: :class:`bench.score.plain_fold.PlainFolds`."""

    def fit(self, point: PlainPoint, fold: int) -> FittedFold:
        """Train the model of one fold."""
        ...

    def refit(self, point: PlainPoint, lengths: Lengths) -> Any:
        """Train one model on all rows."""
        ...


class PlainSearch:
    """A study, and the models of its best trial so far.

    Args:
        folds: Trains them.
        n_folds: How many.
        weights: Of each backbone of the space.
        folder: For models.
        began_s: When the process began, by ``time.time()``.
    """

    def __init__(
        self,
        folds: TrainsFolds,
        n_folds: int,
        weights: Mapping[str, str],
        folder: Path,
        began_s: float,
    ) -> None:
        self._folds, self._n_folds = folds, n_folds
        self._weights, self._folder, self._began_s = weights, folder, began_s
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(
            direction="maximize",
            sampler=optuna.samplers.TPESampler(seed=SEED),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=1),
        )
        self._study.enqueue_trial({name: RECIPE[name] for name in SEARCHED_OF_RECIPE})
        self._found: list[Candidate] = []

    def run(self) -> list[Candidate]:
        """Search until time is up.

        Returns:
            What averages the folds' models of the best trial, once for each trial that became the
            best.
        """
        self._study.optimize(self._objective, callbacks=[self._note_best])
        return self._found

    def refitted(self, last: Candidate) -> Candidate:
        """Train the best trial once more, on all rows, for as long as its folds found best."""
        trial = self._study.best_trial
        began_s = time.time()
        model = self._folds.refit(self._point(trial), _usual_lengths(trial.user_attrs["best"]))
        refit_s = time.time() - began_s
        file = self._folder / "refit.keras"
        model.save(file)
        return Candidate(
            "plain",
            "refit",
            SEED,
            last.minute,
            last.seconds + refit_s,
            (str(file),),
            {**last.about, "refit_s": refit_s},
        )

    def trials(self) -> list[dict[str, Any]]:
        """Say what was tried."""
        return [
            {"state": trial.state.name.lower(), "score": trial.value, "params": trial.params}
            for trial in self._study.trials
        ]

    def _objective(self, trial: optuna.Trial) -> float:
        try:
            return self._mean_of_folds(trial)
        except TimeIsUpError:
            self._study.stop()
            raise optuna.TrialPruned from None

    def _mean_of_folds(self, trial: optuna.Trial) -> float:
        point = self._point(trial)
        fitted: list[FittedFold] = []
        for fold in range(self._n_folds):
            fitted.append(self._folds.fit(point, fold))
            fitted[-1].model.save(self._file(trial.number, fold))
            score = mean(one.score for one in fitted)
            say(f"plain, trial {trial.number}: {score:.3f} after fold {fold + 1}")
            trial.report(score, fold)
            if trial.should_prune():
                raise optuna.TrialPruned
        trial.set_user_attr("best", [[one.best.head, one.best.finetune] for one in fitted])
        return score

    def _note_best(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        # A pruned trial has a value too, but not a model for each fold.
        complete = trial.state == optuna.trial.TrialState.COMPLETE
        if complete and study.best_trial.number == trial.number:
            seconds = time.time() - self._began_s
            files = tuple(str(self._file(trial.number, fold)) for fold in range(self._n_folds))
            about = {"trials": [trial.number], "score": trial.value}
            self._found.append(
                Candidate("plain", "folds", SEED, seconds / 60, seconds, files, about)
            )

    def _point(self, trial: optuna.Trial | optuna.trial.FrozenTrial) -> PlainPoint:
        backbone = trial.suggest_categorical("backbone", list(self._weights))
        drawn = {
            "backbone": backbone,
            "weights": self._weights[backbone],
            "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True),
            "dense_units": trial.suggest_categorical("dense_units", [0, 128, 256]),
            "dropout": trial.suggest_float("dropout", 0.0, 0.5),
        }
        return PlainPoint(
            TrialParams.model_validate({**RECIPE, **drawn}),
            trial.suggest_categorical("unfrozen", [0.1, 0.3, 0.6, 1.0]),
            trial.suggest_float("finetune_learning_rate", 1e-5, 1e-3, log=True),
        )

    def _file(self, trial: int, fold: int) -> Path:
        return self._folder / f"trial-{trial}-fold-{fold}.keras"


def search_plainly(
    path: Path, weights: Mapping[str, str], size: ScoreSize, folder: Path, began_s: float
) -> dict[str, Any]:
    """Search for the size's minutes, then refit the best.

    Args:
        path: The images that are not set aside.
        weights: Of each backbone of the space.
        size: Folds, epochs, minutes.
        folder: For models.
        began_s: When the process began.
    """
    data = ScoreData.load(path, size, SEED, folder)
    folds = PlainFolds(data, size, ends_at_s=began_s + 60 * size.minutes)
    search = PlainSearch(folds, size.folds, weights, folder, began_s)
    found = search.run()
    refitted = [search.refitted(found[-1])] if found else []
    return {
        "seed": SEED,
        "trials": search.trials(),
        "candidates": [candidate.as_dict() for candidate in (*found, *refitted)],
    }


def _usual_lengths(best: list[list[int]]) -> Lengths:
    head, finetune = (round(mean(stage)) for stage in zip(*best, strict=True))
    return Lengths(max(1, head), finetune)
