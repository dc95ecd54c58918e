"""A worker that is sent a signal at any of its calls to the database loses and doubles nothing."""

import signal
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from optuna.trial import TrialState

from mlruns_config.client import connect
from mlruns_config.description.run_list import TRIALS_ONLY
from mlruns_config.outbox.outbox import drain
from mlruns_config.settings import TrackingSettings
from search.storage.records import Slot
from search.workers.interruption import EXIT_INTERRUPTED
from tests.mlruns_config.found_runs import steps_of
from tests.search.faults.forked_workers import AtCall
from tests.search.faults.sweep_copies import HEAD_EPOCHS, SweepCopies, SweepCopy, score_of
from tests.search.two_phase_objective import GAIN, head_score

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)
SPREAD = 12


@pytest.mark.slow
def test_a_signal_at_some_calls_is_made_good_by_the_next_worker(
    copies: SweepCopies, empty_mlflow: Path, tmp_path: Path
) -> None:
    calls, expected = undisturbed(copies)
    for index, call in enumerate(np.linspace(1, calls, SPREAD, dtype=int)):
        at = AtCall(int(call), SIGNALS[index % len(SIGNALS)])
        sweep = interrupted(copies, at, expected)
        if index % 4 == 2:  # MLflow takes its time.
            tracking = tracking_copy(empty_mlflow, tmp_path / f"mlflow-{index}")
            expect_one_run_a_trial(sweep, tracking)


@pytest.mark.acceptance
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_at_any_call_is_made_good_by_the_next_worker(
    number: signal.Signals, copies: SweepCopies
) -> None:
    calls, expected = undisturbed(copies)
    with ThreadPoolExecutor(2) as pool:
        # Each call has one of the three signals.
        first = 1 + SIGNALS.index(number)
        cases = [AtCall(call, number) for call in range(first, calls + 1, len(SIGNALS))]
        for _ in pool.map(lambda at: interrupted(copies, at, expected), cases):
            pass


def undisturbed(copies: SweepCopies) -> tuple[int, list[Slot]]:
    """Run a copy with no signal; gives the calls that this takes, and the slots by trial."""
    sweep = copies.make()
    ended = sweep.work()
    assert ended.exit_code == 0, ended.log
    assert ended.calls > SPREAD
    return ended.calls, sorted(sweep.state().slots, key=lambda slot: slot.trial or 0)


def interrupted(copies: SweepCopies, at: AtCall, expected: list[Slot]) -> SweepCopy:
    """Interrupt a worker, let another one finish, and compare with the undisturbed course."""
    sweep = copies.make()
    case = f"{at.signal!r} at call {at.number}"
    ended = sweep.work(at)
    killed = at.signal == signal.SIGKILL
    assert ended.exit_code == (-signal.SIGKILL if killed else EXIT_INTERRUPTED), (case, ended.log)
    if not killed:
        left = sweep.state()
        assert not [slot for slot in left.slots if slot.state == "running"], case
        # The last call is its good-bye: who is interrupted there is found to have ended.
        says_good_bye = all(slot.state == "done" for slot in left.slots)
        assert says_good_bye or all(row.state == "left" for row in left.workers), case
    finisher = sweep.work()
    assert finisher.exit_code == 0, (case, finisher.log)
    state = sweep.state()
    slots = sorted(state.slots, key=lambda slot: slot.trial or 0)
    assert [(s.trial, s.state, s.told, s.spooled) for s in slots] == [
        (0, "done", True, "done"),
        (1, "done", True, "done"),
    ], case
    assert sum(slot.losses for slot in slots) <= killed, case
    assert not [row for row in state.workers if row.state == "live"], case
    assert [(t.number, t.state, t.value) for t in state.trials] == [
        (slot.trial, TrialState.COMPLETE, slot.score) for slot in slots
    ], case
    assert slots[0].score == expected[0].score, case
    assert [slot.score for slot in slots] == pytest.approx(
        [score_of(s.params or {}) for s in slots]
    )
    return sweep


def tracking_copy(empty: Path, folder: Path) -> TrackingSettings:
    """Copy an empty MLflow."""
    folder.mkdir()
    # A backup and no copy: what was written last may still stand in a file beside it.
    with (
        closing(sqlite3.connect(empty)) as old,
        closing(sqlite3.connect(folder / "mlflow.db")) as new,
    ):
        old.backup(new)
    return TrackingSettings(f"sqlite:///{folder}/mlflow.db", str(folder / "artifacts"))


def expect_one_run_a_trial(sweep: SweepCopy, tracking: TrackingSettings) -> None:
    """Send what waits for MLflow, and see that each trial is one run as the storage has it."""
    assert drain(tracking, sweep.spools, 60) == 0
    client = connect(tracking)
    experiment = client.get_experiment_by_name("tiny")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], TRIALS_ONLY)
    found = {int(run.data.tags["foldsweep.trial"]): run for run in runs}
    assert len(runs) == len(found) == 2
    for slot in sweep.state().slots:
        assert slot.trial is not None
        run = found[slot.trial]
        assert (run.info.status, run.data.metrics["score"]) == ("FINISHED", slot.score)
        assert steps_of(client, run, "head/score") == Counter(range(HEAD_EPOCHS))


N_TUNED_CALLS = 9


@pytest.mark.slow
def test_a_signal_at_some_calls_of_a_sweep_of_two_phases_is_made_good_by_the_next_worker(
    tuned_copies: SweepCopies, empty_mlflow: Path, tmp_path: Path
) -> None:
    calls = undisturbed_phases(tuned_copies)
    # From the second trial on: what comes before is the same without a second phase.
    for index, call in enumerate(np.linspace(calls // 3, calls, N_TUNED_CALLS, dtype=int)):
        at = AtCall(int(call), SIGNALS[index % len(SIGNALS)])
        sweep = interrupted_phases(tuned_copies, at)
        if index % 3 == 2:
            tracking = tracking_copy(empty_mlflow, tmp_path / f"mlflow-{index}")
            expect_both_phases_once(sweep, tracking)


@pytest.mark.acceptance
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_at_any_call_of_the_second_phase_is_made_good_by_the_next_worker(
    number: signal.Signals, tuned_copies: SweepCopies
) -> None:
    calls = undisturbed_phases(tuned_copies)
    with ThreadPoolExecutor(2) as pool:
        first = calls // 2 + SIGNALS.index(number)
        cases = [AtCall(call, number) for call in range(first, calls + 1, len(SIGNALS))]
        for _ in pool.map(lambda at: interrupted_phases(tuned_copies, at), cases):
            pass


def undisturbed_phases(copies: SweepCopies) -> int:
    """Run a copy with no signal; gives the calls that this takes."""
    sweep = copies.make()
    ended = sweep.work()
    assert ended.exit_code == 0, ended.log
    expect_both_phases(sweep, "undisturbed", most_losses=0)
    return ended.calls


def interrupted_phases(copies: SweepCopies, at: AtCall) -> SweepCopy:
    """Interrupt a worker and let another one finish."""
    sweep = copies.make()
    case = f"{at.signal!r} at call {at.number}"
    ended = sweep.work(at)
    killed = at.signal == signal.SIGKILL
    assert ended.exit_code == (-signal.SIGKILL if killed else EXIT_INTERRUPTED), (case, ended.log)
    finisher = sweep.work()
    assert finisher.exit_code == 0, (case, finisher.log)
    expect_both_phases(sweep, case, most_losses=int(killed))
    return sweep


def expect_both_phases(sweep: SweepCopy, case: str, *, most_losses: int) -> None:
    """See that two heads have run, and the fine-tuning of the better one, each once."""
    state = sweep.state()
    slots = sorted(state.slots, key=lambda slot: (slot.phase == "finetune", slot.trial or 0))
    heads = [head_score(0), head_score(1)]
    scores = [(slot.phase, slot.trial, slot.score) for slot in slots]
    assert scores == [
        ("head", 0, heads[0]),
        ("head", 1, heads[1]),
        ("finetune", 1, heads[1] + GAIN),
    ], case
    assert all((s.state, s.told, s.spooled) == ("done", True, "done") for s in slots), case
    assert sum(slot.losses for slot in slots) <= most_losses, case
    told = [[(t.state, t.value) for t in each] for each in (state.trials, state.tuned_trials)]
    assert told == [
        [(TrialState.COMPLETE, score) for score in heads],
        [(TrialState.COMPLETE, heads[1] + GAIN)],
    ], case


def expect_both_phases_once(sweep: SweepCopy, tracking: TrackingSettings) -> None:
    """Send what waits for MLflow, and see that each trial is one run with each step once."""
    assert drain(tracking, sweep.spools, 60) == 0
    client = connect(tracking)
    experiment = client.get_experiment_by_name("tiny")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], TRIALS_ONLY)
    found = {int(run.data.tags["foldsweep.trial"]): run for run in runs}
    assert len(runs) == len(found) == 2
    for trial, score in ((0, head_score(0)), (1, head_score(1) + GAIN)):
        run = found[trial]
        assert (run.info.status, run.data.metrics["score"]) == ("FINISHED", score)
        assert steps_of(client, run, "head/score") == Counter(range(2))
        tuned = Counter(range(2, 4)) if trial == 1 else Counter()
        assert steps_of(client, run, "finetune/score") == tuned
