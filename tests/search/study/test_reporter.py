"""What a trial reports, as Optuna, MLflow and the storage get to see it."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import Trial

from objectives.stopping.pruning import percentile_rule
from search.storage.records import Slot, SlotLostError
from search.storage.storage import open_storage
from search.study.reporter import EpochLog, RaceRules, TrialReporter
from search.study.samplers import make_sampler
from search.study.study import SweepStudy
from search.sweep_file.sections import SearchSettings
from spaces.errors import TrialError
from tests.search.small_sweep import enter_sweep, join

RULES = RaceRules(n_folds=2, head_epochs=10, finetune_epochs=5, first_scratch_look=2)


class Run:
    """A run that remembers."""

    def __init__(self) -> None:
        self.written: list[tuple[int, Mapping[str, float]]] = []

    def metrics(
        self, values: Mapping[str, float], step: int = 0, *, time_ms: int | None = None
    ) -> None:
        assert time_ms is not None
        self.written.append((step, values))


class Race:
    """A study of two folds and ten head epochs, in which trials report."""

    def __init__(self, folder: Path) -> None:
        self.storage = storage = open_storage(f"sqlite:///{folder}/foldsweep.db")
        self.row = enter_sweep(storage, "race", trials=20)
        self.time_is_up = False
        self.search = SearchSettings()
        self.slots = storage.slots(self.row.id)
        self.study = SweepStudy(storage, "race", self.search, self.slots, epochs=15)
        self.progress: list[Mapping[str, Any]] = []
        self.run = Run()
        self.entered: list[Slot] = []

    def enter(
        self, *, pruned: bool = True, rules: RaceRules = RULES
    ) -> tuple[TrialReporter, Trial, Slot]:
        slot = self.slots.claim(f"w{len(self.entered)}")
        assert slot is not None
        trial = self.study.begin(slot, make_sampler(self.search, slot.number))
        slot = self.slots.one(slot.number)
        reporter = TrialReporter(
            trial if pruned else None,
            slot,
            self.slots,
            rules,
            self.run,
            time_is_up=lambda: self.time_is_up,
            on_progress=self.progress.append,
        )
        self.entered.append(slot)
        return reporter, trial, slot

    def finish(self, slot: Slot, score: float) -> None:
        self.slots.finish(slot, "done", score=score)
        self.study.tell(self.slots.one(slot.number))

    def values(self, trial: Trial) -> dict[int, float]:
        return self.study.optuna_study.trials[trial.number].intermediate_values

    def ask_through(self, rules: RaceRules, scores: Sequence[float]) -> int:
        """Report these scores, an epoch each, until the trial is ended; gives how many were."""
        reporter, _, slot = self.enter(rules=rules)
        for epoch, score in enumerate(scores):
            if not reporter.report("head", epoch, {0: score, 1: score}):
                self.slots.finish(slot, "pruned")
                self.study.tell(self.slots.one(slot.number))
                return epoch + 1
        self.finish(slot, scores[-1])
        return len(scores)


@pytest.fixture
def race(tmp_path: Path) -> Race:
    return Race(tmp_path)


def test_the_study_sees_the_mean_over_the_folds_at_one_step_an_epoch(race: Race) -> None:
    reporter, trial, _ = race.enter()
    assert reporter.report("head", 0, {0: 0.5, 1: 0.25})
    assert reporter.report("head", 1, {0: 0.75, 1: 0.5})
    assert race.values(trial) == {0: 0.375, 1: 0.625}


def test_fine_tuning_goes_on_behind_the_heads_on_the_charts_and_no_study_sees_it(
    race: Race,
) -> None:
    reporter, trial, _ = race.enter(pruned=False)
    assert reporter.report("finetune", 3, {0: 1.0, 1: 0.5})
    assert race.values(trial) == {}
    assert [(step, values["finetune/score"]) for step, values in race.run.written] == [(13, 0.75)]


def test_a_network_from_scratch_stands_behind_all_heads_in_the_study_and_at_its_epoch_in_charts(
    race: Race,
) -> None:
    reporter, trial, _ = race.enter()
    reporter.report("scratch", 12, {0: 0.5, 1: 0.5})
    assert race.values(trial) == {27: 0.5}
    assert [step for step, _ in race.run.written] == [12]


def test_networks_from_scratch_are_compared_with_each_other_and_not_with_heads(
    race: Race,
) -> None:
    for score in (0.9, 0.91, 0.92, 0.93, 0.94, 0.95):
        reporter, _, slot = race.enter()
        assert all(reporter.report("head", e, {0: score, 1: score}) for e in range(10))
        race.finish(slot, score)
    for score in (0.4, 0.41, 0.42, 0.43, 0.44, 0.45):
        # Worse than any head, at every epoch.
        reporter, _, slot = race.enter()
        assert all(reporter.report("scratch", e, {0: score, 1: score}) for e in range(15))
        race.finish(slot, score)
    reporter, _, _ = race.enter()
    answers = [reporter.report("scratch", epoch, {0: 0.1, 1: 0.1}) for epoch in range(15)]
    # Its warm-up is not judged either.
    assert answers[:2] == [True, True]
    assert not all(answers)
    assert reporter.ending == "pruned"


def test_the_pruner_ends_the_same_trials_whether_it_is_asked_at_every_epoch_or_where_it_looks(
    tmp_path: Path,
) -> None:
    draws = random.Random(6)
    rises = [(draws.random(), 0.2 * draws.random()) for _ in range(16)]
    trials = [[level + rise * epoch for epoch in range(15)] for level, rise in rises]
    ended = []
    for looks in (None, percentile_rule("percentile", epochs=15)):
        (folder := tmp_path / str(looks is None)).mkdir()
        race = Race(folder)
        ended.append([race.ask_through(replace(RULES, looks=looks), scores) for scores in trials])
    assert ended[0] == ended[1]
    # 15 epochs have looks after the fourth, the seventh, the tenth and the thirteenth.
    assert set(ended[0]) == {4, 7, 10, 13, 15}


def test_a_pruner_is_asked_where_it_looks_and_where_a_step_was_left_out() -> None:
    rules = replace(RULES, looks=percentile_rule("percentile", epochs=15))
    asked = [step for step in range(1, 15) if rules.may_be_looked_at(step, step - 1)]
    assert asked == [3, 6, 9, 12]
    assert rules.may_be_looked_at(5, 3)
    assert rules.may_be_looked_at(0, None)
    assert RULES.may_be_looked_at(1, 0)


def test_a_fold_that_has_stopped_carries_its_best(race: Race) -> None:
    reporter, trial, _ = race.enter()
    reporter.report("head", 0, {0: 0.5, 1: 0.75})
    reporter.report("head", 1, {0: 0.5, 1: 0.25})
    reporter.report("head", 2, {0: 1.0})
    assert race.values(trial)[2] == (1.0 + 0.75) / 2


def test_folds_that_run_one_after_another_are_logged_but_do_not_race(race: Race) -> None:
    reporter, trial, _ = race.enter()
    for fold in (0, 1):
        for epoch in (0, 1):
            assert reporter.report("finetune", epoch, {fold: 0.1})
    assert race.values(trial) == {}
    assert [values for _, values in race.run.written][-1] == {"finetune/score_fold_1": 0.1}


def test_a_fold_that_ran_alone_before_all_ran_together_has_one_step_an_epoch(race: Race) -> None:
    reporter, _, _ = race.enter(pruned=False)
    for values in ({0: 0.25}, {1: 0.5}, {0: 0.25, 1: 0.5}):
        for epoch in (0, 1):
            assert reporter.report("finetune", epoch, values)
    one = {"finetune/score_fold_0": 0.25}
    other = {"finetune/score_fold_1": 0.5}
    both = {"finetune/score": 0.375}
    assert [v for _, v in race.run.written] == [one, one, other, other, both, both]
    # So it is for whoever tells MLflow once more what is stored.
    again = Run()
    log = EpochLog(again, n_folds=2)
    for row in race.slots.epochs(0):
        log.note(row)
    assert sorted(again.written, key=str) == sorted(race.run.written, key=str)


def test_every_fold_is_logged_with_the_mean(race: Race) -> None:
    reporter, _, _ = race.enter()
    reporter.report("head", 3, {0: 0.5, 1: 0.25})
    expected = {"head/score_fold_0": 0.5, "head/score_fold_1": 0.25, "head/score": 0.375}
    assert race.run.written == [(3, expected)]


def test_a_hopeless_trial_is_stopped_and_a_good_one_is_not(race: Race) -> None:
    for score in (0.5, 0.6, 0.7, 0.8, 0.9):
        reporter, _, slot = race.enter()
        assert all(reporter.report("head", e, {0: score, 1: score}) for e in range(6))
        race.finish(slot, score)
    good, _, _ = race.enter()
    assert all(good.report("head", epoch, {0: 0.95, 1: 0.95}) for epoch in range(6))
    bad, _, _ = race.enter()
    answers = [bad.report("head", epoch, {0: 0.2, 1: 0.2}) for epoch in range(6)]
    assert not all(answers)
    assert answers[:3] == [True] * 3  # the first epochs of a warm-up are not judged
    assert bad.ending == "pruned"
    assert good.ending is None


def test_a_trial_ends_with_its_epoch_once_the_time_is_up(race: Race) -> None:
    reporter, _, _ = race.enter()
    assert reporter.report("head", 0, {0: 0.5, 1: 0.5})
    race.time_is_up = True
    assert not reporter.report("head", 1, {0: 0.5, 1: 0.5})
    assert reporter.ending == "time"


def test_a_score_that_is_not_a_number_ends_the_trial_with_advice(race: Race) -> None:
    reporter, trial, _ = race.enter()
    with pytest.raises(
        TrialError, match=r"fold 1 in epoch 3 of head is not a number.*learning rate"
    ):
        reporter.report("head", 2, {0: 0.5, 1: float("nan")})
    assert race.values(trial) == {}


def test_a_trial_that_was_taken_over_hears_of_it_when_it_reports(race: Race) -> None:
    reporter, _, _ = race.enter()
    race.slots.lose(join(race.storage, race.row.id, "w0"), "its worker was killed")
    with pytest.raises(SlotLostError):
        reporter.report("head", 0, {0: 0.5, 1: 0.5})


def test_progress_tells_trial_stage_epoch_and_folds_at_most_once_a_second(race: Race) -> None:
    reporter, trial, _ = race.enter()
    for epoch in range(5):
        reporter.report("head", epoch, {0: 0.5, 1: 0.25})
    first = {"trial": trial.number, "stage": "head", "epoch": 0}
    assert race.progress[0] == {**first, "folds": {"0": 0.5, "1": 0.25}, "score": 0.375}
    assert len(race.progress) < 5
