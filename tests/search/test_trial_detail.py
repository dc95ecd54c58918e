"""What the storage keeps of a trial's result is read as it was, or refused with its place."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from search.storage.records import Slot
from search.storage.storage import open_storage
from search.trial_detail import TrialDetail, TrialFindings
from spaces.errors import InputError
from tests.search.small_sweep import claim, enter_sweep


@pytest.fixture
def slot(tmp_path: Path) -> Slot:
    """A slot of trial 3."""
    storage = open_storage(f"sqlite:///{tmp_path}/foldsweep.db")
    slots = storage.slots(enter_sweep(storage).id)
    claimed = claim(slots)
    slots.assign_trial(claimed, 3)
    return slots.one(claimed.number)


def keeping(slot: Slot, detail: Any) -> Slot:
    return replace(slot, detail=detail)


def test_what_a_trial_left_is_read_as_it_was_and_newer_keys_are_passed_over(
    slot: Slot,
) -> None:
    stored = {
        "fold_scores": [0.5, 0.75],
        "epochs": {"head": 3, "finetune": 0},
        "metrics": {"clean": 0.5, "seconds": float("nan")},
        "of a later version": 1,
    }
    detail = TrialDetail.of(keeping(slot, stored))
    assert detail.fold_scores == (0.5, 0.75)
    assert detail.epochs == {"head": 3, "finetune": 0}
    assert detail.metrics["clean"] == 0.5
    assert TrialDetail.of(slot) == TrialDetail()


@pytest.mark.parametrize("epochs", [{"head": "many"}, {"tail": 3}, 7, {"head": 2.5}])
def test_what_no_trial_leaves_is_refused_with_its_place(slot: Slot, epochs: object) -> None:
    with pytest.raises(InputError, match=r"stored of trial 3 cannot be read: epochs.*--trial"):
        TrialDetail.of(keeping(slot, {"epochs": epochs}))


def test_findings_are_the_detail_with_the_scores(slot: Slot) -> None:
    scored = replace(slot, score=0.5, clean=0.75, shifted=None, detail={"stage_s": {"head": 2.5}})
    found = TrialFindings.of(scored)
    assert (found.score, found.clean, found.shifted) == (0.5, 0.75, None)
    assert found.stage_s == {"head": 2.5}
    with pytest.raises(InputError, match=r"stored of trial 3 cannot be read: score"):
        TrialFindings.of(slot)
