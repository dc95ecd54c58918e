from objectives.records import Stage
from search.replay.comparison import EpochComparison
from search.replay.reporter import RecordedReporter
from search.storage.records import EpochRow


def row(epoch: int, *folds: int, stage: Stage = "head") -> EpochRow:
    scores = {str(fold): 0.5 + epoch / 10 for fold in folds}
    names = ",".join(scores)
    return EpochRow("sweep", 0, "head", stage, epoch, names, epoch, 1, scores, 0.5, 1000 + epoch)


def reporter(rows: list[EpochRow], *, was_ended: bool) -> RecordedReporter:
    return RecordedReporter(rows, was_ended=was_ended, on_epoch=lambda epoch: None)


def test_a_trial_that_was_ended_is_ended_after_its_last_recorded_epoch() -> None:
    hears = reporter([row(0, 0, 1), row(1, 0, 1)], was_ended=True)
    assert hears.report("head", 0, {0: 0.5, 1: 0.5})
    assert not hears.report("head", 1, {0: 0.6, 1: 0.6})
    assert [epoch.difference for epoch in hears.epochs] == [0.0, 0.0]


def test_a_trial_that_ran_to_its_end_does_so_again() -> None:
    hears = reporter([row(0, 0, 1)], was_ended=False)
    assert hears.report("head", 0, {0: 0.5, 1: 0.5})


def test_an_epoch_that_was_not_recorded_ends_the_replay_and_counts_as_a_difference() -> None:
    hears = reporter([row(0, 0)], was_ended=False)
    hears.report("head", 0, {0: 0.5})
    assert not hears.report("head", 1, {0: 0.5})
    assert [epoch.difference for epoch in hears.epochs] == [0.0, float("inf")]


def test_a_recorded_epoch_that_does_not_come_counts_as_a_difference() -> None:
    hears = reporter([row(0, 0), row(1, 0)], was_ended=False)
    hears.report("head", 0, {0: 0.5})
    assert hears.epochs[1] == EpochComparison("head", 1, {}, {"0": 0.6})
    assert hears.epochs[1].difference == float("inf")


def test_folds_that_ran_one_after_another_are_compared_step_by_step() -> None:
    rows = [row(0, 0, stage="finetune"), row(0, 1, stage="finetune")]
    hears = reporter([*rows, row(0, 0, 1, 2, stage="finetune")], was_ended=True)
    assert hears.report("finetune", 0, {0: 0.5})
    assert hears.report("finetune", 0, {1: 0.75})
    assert not hears.report("finetune", 0, {2: 0.5, 0: 0.5, 1: 0.5})
    assert [epoch.difference for epoch in hears.epochs] == [0.0, 0.25, 0.0]
