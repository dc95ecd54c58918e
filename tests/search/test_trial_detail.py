from typing import Any

import pytest

from search.storage.records import Slot
from search.trial_detail import TrialDetail
from spaces.errors import InputError


def slot(detail: Any) -> Slot:
    """A finished slot of trial 3."""
    ended: dict[str, Any] = dict.fromkeys(Slot.__dataclass_fields__)
    return Slot(**ended | {"trial": 3, "detail": detail, "state": "done"})


def test_what_a_trial_left_is_read_as_it_was_and_newer_keys_are_passed_over() -> None:
    stored = {
        "fold_scores": [0.5, 0.75],
        "epochs": {"head": 3, "finetune": 0},
        "metrics": {"clean": 0.5, "seconds": float("nan")},
        "of a later version": 1,
    }
    detail = TrialDetail.of(slot(stored))
    assert detail.fold_scores == (0.5, 0.75)
    assert detail.epochs == {"head": 3, "finetune": 0}
    assert detail.metrics["clean"] == 0.5
    assert TrialDetail.of(slot(None)) == TrialDetail()


@pytest.mark.parametrize("epochs", [{"head": "many"}, {"tail": 3}, 7, {"head": 2.5}])
def test_what_no_trial_leaves_is_refused_with_its_place(epochs: object) -> None:
    with pytest.raises(InputError, match=r"stored of trial 3 cannot be read: epochs.*--trial"):
        TrialDetail.of(slot({"epochs": epochs}))
