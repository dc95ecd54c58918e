"""Trials and phases as tables."""

import time

import pandas as pd

from search.status import best_record, trial_records
from search.storage.records import Slot
from search.storage.storage import Storage
from search.trial_table import PHASE_COLUMNS, TRIAL_COLUMNS, phase_table, trial_table
from tests.search.small_sweep import claim, enter_sweep, join

FILE = "sweep: tissue\ndata: {path: cells.npz}"


def test_tables_without_rows_have_their_columns() -> None:
    assert tuple(trial_table([]).columns) == TRIAL_COLUMNS
    assert tuple(phase_table([], [], now_s=0.0).columns) == PHASE_COLUMNS


def two_phases(storage: Storage) -> tuple[list[Slot], pd.DataFrame, float]:
    """One trial with both phases, by two workers, and one that runs."""
    row = enter_sweep(storage, trials=2, file=FILE)
    join(storage, row.id, "here-1-aa", "here-2-bb")
    book = storage.slots(row.id)
    head = claim(book, "here-1-aa")
    book.assign_trial(head, 0)
    book.note_params(head, {"backbone": "small_cnn"})
    book.finish(head, "done", score=0.5, clean=0.5, goes_on=True)
    tuned = book.claim_finetuning("here-2-bb", lambda worthy, begun: min(worthy))
    assert tuned is not None
    book.note_params(tuned, {"backbone": "small_cnn", "finetune_learning_rate": 1e-4})
    book.finish(tuned, "done", score=0.6, clean=0.7)
    book.assign_trial(claim(book, "here-1-aa"), 1)
    time.sleep(0.02)
    workers, now_s = storage.workers(row.id).seen()
    slots = list(book.all())
    return slots, phase_table(slots, workers, now_s=now_s), now_s


def test_a_trial_has_one_row_and_each_phase_has_one_of_its_own(storage: Storage) -> None:
    slots, phases, now_s = two_phases(storage)
    trials = trial_table(trial_records(slots))
    assert trials["trial"].tolist() == [0, 1]
    assert trials.loc[0, "score"] == 0.6
    assert (trials.loc[0, "first_score"], trials.loc[0, "finetuned_score"]) == (0.5, 0.6)
    assert trials.loc[0, "params.finetune_learning_rate"] == 1e-4
    ended = {(slot.number, slot.phase): slot.ended_at for slot in slots}
    tuned_at, still_running = trials["ended_at"]
    assert abs(tuned_at.timestamp() - (ended[0, "finetune"] or 0.0)) < 1e-3
    assert pd.isna(still_running)
    of = phases.set_index(["trial", "phase"])
    assert of["score"].dropna().to_dict() == {(0, "head"): 0.5, (0, "finetune"): 0.6}
    assert of["worker"].to_dict() == {
        (0, "head"): "here-1",
        (0, "finetune"): "here-2",
        (1, "head"): "here-1",
    }
    assert abs(of["ended_at"][1, "head"].timestamp() - now_s) < 1e-3
    assert (phases["ended_at"] >= phases["started_at"]).all()


def test_the_best_is_the_first_of_the_leaderboard(storage: Storage) -> None:
    assert best_record([]) is None
    slots, _, _ = two_phases(storage)
    best = best_record(slots)
    assert best is not None
    assert (best.trial, best.score, best.clean) == (0, 0.6, 0.7)
