"""Trials that are interrupted and gone on with elsewhere: the same as without, bit for bit."""

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from objectives.checkpoints import Arrays, State
from objectives.records import Stage, TrialContext, TrialResult
from objectives.settings import TrainSettings
from objectives.training import network_stage
from objectives.training.head_stage import HeadTrainer
from objectives.training.network_stage import NetworkTrainer
from objectives.trial import train_trial
from tests.objectives.small_trials import (
    N_FOLDS,
    RecordingReporter,
    assert_same,
    second_phase,
    small_context,
    small_params,
)

pytestmark = pytest.mark.slow


class KilledError(Exception):
    """What ends a trial in these tests as `kill -9` ends a process: nobody hears of it."""


class FileCheckpoints:
    """Keeps what has changed, as the bytes of files, and notes what was written."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.seconds = 0.0
        self.written: list[tuple[int, list[str]]] = []
        self._versions: dict[str, int] = {}

    def load(self, stage: str) -> Mapping[str, Arrays] | None:
        if not self.files:
            return None
        return {name: _read(content) for name, content in self.files.items()}

    def save(self, stage: str, epoch: int, state: State, *, is_last: bool = False) -> None:
        changed = [name for name, part in state.items() if self._versions.get(name) != part.version]
        for name in changed:
            file = io.BytesIO()
            np.savez(file, allow_pickle=False, **state[name].read())
            self.files[name], self._versions[name] = file.getvalue(), state[name].version
        self.written.append((epoch, sorted(changed)))


def _read(content: bytes) -> Arrays:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays)


class EndingReporter(RecordingReporter):
    """Dies after so many reports."""

    def __init__(self, n_reports: int) -> None:
        super().__init__()
        self._n_reports = n_reports

    def report(self, stage: Stage, epoch: int, values: Mapping[int, float]) -> bool:
        super().report(stage, epoch, values)
        if len(self.heard) > self._n_reports:
            raise KilledError
        return True


CASES: dict[str, tuple[dict[str, object], dict[str, int]]] = {
    "heads": ({"optimizer": "adamw", "dropout": 0.3, "schedule": "cosine"}, {"head_epochs": 4}),
    "deep heads": ({"optimizer": "lion", "features": "deep", "warmup_fraction": 0.4}, {}),
    "heads, a constant rate": ({"optimizer": "sgd", "schedule": "constant"}, {"patience": 2}),
    "from scratch": ({"weights": "none", "optimizer": "lion", "dropout": 0.3}, {"head_epochs": 1}),
}


def _case(name: str, home: Path) -> tuple[dict[str, object], TrialContext]:
    others, train = CASES[name]
    settings = {"head_epochs": 3, "finetune_epochs": 2, "patience": 0, **train}
    return others, replace(small_context(home), train=TrainSettings.model_validate(settings))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("n_reports", [1, 2])
def test_a_killed_trial_goes_on_from_its_last_epoch_as_if_nothing_had_been(
    name: str, n_reports: int, tmp_path: Path
) -> None:
    others, context = _case(name, tmp_path)
    undisturbed = RecordingReporter()
    expected = train_trial(small_params(**others), replace(context, reporter=undisturbed))
    checkpoints = FileCheckpoints()
    dying = replace(context, reporter=EndingReporter(n_reports), checkpoints=checkpoints)
    with pytest.raises(KilledError):
        train_trial(small_params(**others), dying)
    assert len(checkpoints.written) == n_reports
    reporter = RecordingReporter()
    again = replace(context, reporter=reporter, checkpoints=checkpoints)
    found = train_trial(small_params(**others), again)
    assert_same(found, expected)
    assert found.fold_scores == expected.fold_scores
    assert found.curves == expected.curves
    assert found.epochs == expected.epochs
    # What was kept is told once more, so that early stopping and the reporter know all of it.
    assert reporter.heard == undisturbed.heard
    n_epochs = len(expected.curves["stage"])
    assert len(checkpoints.written) == n_epochs


def _interrupt(call: Callable[..., object], number: int) -> Callable[..., object]:
    """Let a function be interrupted by a signal at one of its calls."""
    calls = iter(range(number + 1))

    def interrupted(*args: object, **others: object) -> object:
        if next(calls, -1) == number:
            raise KeyboardInterrupt
        return call(*args, **others)

    return interrupted


@pytest.mark.parametrize(("name", "method"), [("heads", "_predict"), ("from scratch", "_outcome")])
@pytest.mark.parametrize("number", [0, 1, 4])
def test_a_signal_in_the_middle_of_an_epoch_costs_no_fold_that_was_trained(
    name: str, method: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others, context = _case(name, tmp_path)
    expected = train_trial(small_params(**others), context)
    trainer = HeadTrainer if name == "heads" else NetworkTrainer
    checkpoints = FileCheckpoints()
    if name == "heads" and number > 3:
        pytest.skip("heads of all folds advance at once, and there are four epochs")
    with monkeypatch.context() as patch:
        patch.setattr(trainer, method, _interrupt(getattr(trainer, method), number))
        with pytest.raises(KeyboardInterrupt):
            train_trial(small_params(**others), replace(context, checkpoints=checkpoints))
    trained: list[int] = []
    original = NetworkTrainer._train_fold

    def counted(self: NetworkTrainer, epoch: int, fold: int, *arrays: np.ndarray) -> float:
        trained.append(fold)
        return original(self, epoch, fold, *arrays)

    monkeypatch.setattr(NetworkTrainer, "_train_fold", counted)
    found = train_trial(small_params(**others), replace(context, checkpoints=checkpoints))
    assert_same(found, expected)
    if name == "from scratch":
        assert len(trained) == 3 * N_FOLDS - number


def _fine_tuned(
    context: TrialContext, first: TrialResult, checkpoints: FileCheckpoints, n_reports: int
) -> None:
    second = second_phase(first, context)
    dying = replace(second, reporter=EndingReporter(n_reports), checkpoints=checkpoints)
    with pytest.raises(KilledError):
        train_trial(small_params(), dying)


@pytest.mark.parametrize("n_reports", [1, 2, 3, 5])
def test_fine_tuning_goes_on_in_the_middle_of_its_race(n_reports: int, tmp_path: Path) -> None:
    context = small_context(tmp_path)
    first = train_trial(small_params(), context)
    undisturbed = RecordingReporter()
    second = second_phase(first, context)
    expected = train_trial(small_params(), replace(second, reporter=undisturbed))
    checkpoints = FileCheckpoints()
    _fine_tuned(context, first, checkpoints, n_reports)
    reporter = RecordingReporter()
    again = replace(second, reporter=reporter, checkpoints=checkpoints)
    found = train_trial(small_params(), again)
    assert_same(found, expected)
    assert reporter.heard == undisturbed.heard
    # Of each step only the folds that ran in it, and the predictions of that epoch.
    steps = [["fold-0"], ["fold-0"], ["fold-1"], ["fold-1"], ["fold-2"], ["fold-2"]]
    for place, (epoch, names) in enumerate(checkpoints.written):
        assert (epoch, names) == (place % 2, _of_epoch(place, steps[place]))


def _of_epoch(place: int, folds: list[str]) -> list[str]:
    every_fold = [f"fold-{fold}" for fold in range(N_FOLDS)] if place == 0 else folds
    return sorted([f"epoch-{place % 2}", "race", *every_fold])


def test_what_the_race_decided_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = small_context(tmp_path)
    first = train_trial(small_params(), context)
    checkpoints = FileCheckpoints()
    _fine_tuned(context, first, checkpoints, 3)
    asked: list[int] = []

    def has_a_chance(_race: object, n_folds_run: int) -> bool:
        asked.append(n_folds_run)
        return True

    monkeypatch.setattr("objectives.training.raced_stage.Race._has_a_chance", has_a_chance)
    train_trial(small_params(), replace(second_phase(first, context), checkpoints=checkpoints))
    assert asked == [2]


def test_large_states_of_folds_wait_in_files_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others, context = _case("from scratch", tmp_path)
    expected = train_trial(small_params(**others), context)
    monkeypatch.setattr(network_stage, "LARGEST_IN_MEMORY_BYTES", 100)
    before = set(tmp_path.rglob("*"))
    assert_same(train_trial(small_params(**others), context), expected)
    left = {path for path in set(tmp_path.rglob("*")) - before if "trial" not in path.parts}
    assert left == set()
