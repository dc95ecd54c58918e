"""In which order a race trains its folds, whom it gives up, and what the history then has."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from objectives.checkpoints import Arrays, NoCheckpoints, State
from objectives.evaluation.epoch_predictions import EpochPredictions
from objectives.evaluation.history import FoldOutcome, History
from objectives.records import Stage
from objectives.settings import ValidationSettings
from objectives.training.raced_stage import Race
from spaces.errors import TrialError

N_EPOCHS, N_ROWS, N_FOLDS, N_CLASSES = 3, 200, 4, 2
LABELS = np.zeros(N_ROWS, dtype=np.int64)
FOLD_ROWS = tuple(np.flatnonzero(np.arange(N_ROWS) % N_FOLDS == j) for j in range(N_FOLDS))
EVERYONE = range(N_FOLDS)


class PredictingTrainer:
    """Predicts what it was told to, and notes in which order it was asked."""

    def __init__(self, right: Mapping[int, Sequence[float]], *, loss: float = 0.5) -> None:
        self.calls: list[tuple[int, list[int]]] = []
        self._right = right
        self._loss = loss

    def advance(self, epoch: int, folds: Sequence[int]) -> dict[int, FoldOutcome]:
        self.calls.append((epoch, list(folds)))
        return {j: _outcome(self._right[j][epoch], self._loss) for j in folds}

    def state(self) -> State:
        return {}

    def restore(self, parts: Mapping[str, Arrays]) -> None:
        pass


def _outcome(share_right: float, loss: float = 0.5) -> FoldOutcome:
    n_rows = N_ROWS // N_FOLDS
    right = np.arange(n_rows) < round(share_right * n_rows)
    probabilities = np.where(right[:, None], [0.7, 0.3], [0.4, 0.6]).astype(np.float32)
    return FoldOutcome(loss, probabilities, None)


class ListeningReporter:
    """Hears every epoch, and ends the trial at one."""

    def __init__(self, *, end_after: int = 10**6) -> None:
        self.heard: list[tuple[Stage, int, dict[int, float]]] = []
        self._end_after = end_after

    def report(self, stage: Stage, epoch: int, values: Mapping[int, float]) -> bool:
        self.heard.append((stage, epoch, dict(values)))
        return len(self.heard) < self._end_after


def _history() -> History:
    settings = ValidationSettings(folds=N_FOLDS, shift="none")
    return History(LABELS, FOLD_ROWS, settings)


def _no_predictions(n_epochs: int = N_EPOCHS) -> EpochPredictions:
    return EpochPredictions.empty(("clean",), n_epochs=n_epochs, n_rows=N_ROWS, n_classes=N_CLASSES)


def _predictions(share_right: float, n_epochs: int = N_EPOCHS) -> EpochPredictions:
    predictions = _no_predictions(n_epochs)
    for epoch in range(n_epochs):
        for rows in FOLD_ROWS:
            predictions.put(epoch, rows, _outcome(share_right))
    return predictions


def _race(incumbent: EpochPredictions | None, history: History | None = None) -> Race:
    return Race(
        history or _history(),
        groups=np.arange(N_ROWS),
        predictions=_no_predictions(),
        incumbent=incumbent,
    )


def _steady(share_right: float) -> dict[int, list[float]]:
    return dict.fromkeys(EVERYONE, [share_right] * N_EPOCHS)


def _steps(n_steps: int) -> list[tuple[int, list[int]]]:
    steps = [[0], [1], [2, 3]][:n_steps]
    return [(epoch, folds) for folds in steps for epoch in range(N_EPOCHS)]


def test_one_fold_runs_to_the_end_then_one_more_then_all_others() -> None:
    trainer, reporter = PredictingTrainer(_steady(0.8)), ListeningReporter()
    assert _race(None).run(trainer, reporter, NoCheckpoints())
    assert trainer.calls == _steps(3)
    heard = [(epoch, sorted(values)) for _, epoch, values in reporter.heard]
    # The last step is told beside the folds before it: only then has the epoch a score of all.
    assert heard == [*_steps(2), *((epoch, list(EVERYONE)) for epoch in range(N_EPOCHS))]
    assert {stage for stage, _, _ in reporter.heard} == {"finetune"}
    assert reporter.heard[0][2] == {0: pytest.approx(0.8)}


def test_the_epoch_is_chosen_by_all_folds_as_if_they_had_run_together() -> None:
    right = {0: [0.9, 0.5, 0.6], 1: [0.5, 0.7, 0.9], 2: [0.6, 0.8, 0.7], 3: [0.6, 0.9, 0.8]}
    together = _history()
    for epoch in range(N_EPOCHS):
        together.add("finetune", epoch, {j: _outcome(right[j][epoch]) for j in EVERYONE})
    race = _race(None)
    race.run(PredictingTrainer(right), ListeningReporter(), NoCheckpoints())
    # By hand: without fold 0 the means are 0.567, 0.8, 0.8; without 1 0.7, 0.733, 0.7; ...
    assert race.history.chosen_steps() == [1, 1, 2, 2]
    assert race.history.chosen_steps() == together.chosen_steps()
    assert race.history.fold_scores() == together.fold_scores()
    clean, _ = race.history.out_of_fold(N_CLASSES)
    np.testing.assert_allclose(clean.sum(axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize(
    ("right", "n_steps"),
    [
        ({0: 0.6, 1: 0.9, 2: 0.9, 3: 0.9}, 1),
        ({0: 0.88, 1: 0.7, 2: 0.9, 3: 0.9}, 2),
        ({0: 0.88, 1: 0.88, 2: 0.1, 3: 0.1}, 3),
    ],
)
def test_a_trial_without_a_chance_is_given_up_between_the_steps(
    right: dict[int, float], n_steps: int
) -> None:
    trainer = PredictingTrainer({j: [share] * N_EPOCHS for j, share in right.items()})
    race = _race(_predictions(0.9))
    goes_on = race.run(trainer, ListeningReporter(), NoCheckpoints())
    assert trainer.calls == _steps(n_steps)
    assert goes_on == (n_steps == 3)
    assert len(race.history.epochs) == (N_EPOCHS if goes_on else 0)


def test_there_is_no_race_against_predictions_of_other_settings() -> None:
    trainer = PredictingTrainer(_steady(0.1))
    race = _race(_predictions(0.9, n_epochs=N_EPOCHS + 1))
    assert race.run(trainer, ListeningReporter(), NoCheckpoints())


def test_the_reporter_ends_it_within_a_fold() -> None:
    trainer = PredictingTrainer(_steady(0.8))
    race = _race(None)
    assert not race.run(trainer, ListeningReporter(end_after=2), NoCheckpoints())
    assert trainer.calls == [(0, [0]), (1, [0])]
    assert race.history.epochs == []


def test_epochs_that_all_folds_ran_before_the_reporter_ended_it_are_scored() -> None:
    race = _race(None)
    reporter = ListeningReporter(end_after=2 * N_EPOCHS + 2)
    assert not race.run(PredictingTrainer(_steady(0.8)), reporter, NoCheckpoints())
    assert [record.epoch for record in race.history.epochs] == [0, 1]
    assert race.history.fold_scores() == pytest.approx([0.8] * N_FOLDS)


def test_a_loss_that_is_not_a_number_is_refused_with_its_fold_and_epoch() -> None:
    trainer = PredictingTrainer(_steady(0.8), loss=float("nan"))
    with pytest.raises(TrialError, match="the loss of fold 0 in epoch 1 of finetune"):
        _race(None).run(trainer, ListeningReporter(), NoCheckpoints())
