"""What a finished sweep's stored epochs and trials say of the rules that it followed."""

import numpy as np
import pytest

from bench.replay import replay_bursts, replay_finetuning, replay_stopping
from search.storage.records import Slot


def _slot(trial: int, score: float, backbone: str = "a:a", **others: object) -> Slot:
    values = dict.fromkeys(Slot.__dataclass_fields__)
    params = {"backbone": backbone, "weights": "own"}
    values |= {"phase": "head", "state": "done", "device_s": 1.0, "ended_at": float(trial)}
    return Slot(**{**values, "trial": trial, "score": score, "params": params, **others})  # type: ignore[arg-type]


def test_a_fold_that_would_have_stopped_in_a_dip_would_have_been_scored_lower() -> None:
    rising = np.linspace(0.5, 0.8, 10)
    dipping = np.concatenate([[0.6, 0.5, 0.5], np.linspace(0.6, 0.8, 7)])
    found = replay_stopping([np.stack([rising, rising, dipping], axis=1)], patience=2)
    assert found["trials"] == found["with_a_late_fold"] == found["lower_by_a_point"] == 1
    # The third fold stops with its third epoch, at 0.5.
    assert found["mean_lower"] == pytest.approx((0.8 - 0.5) / 3)
    assert found["epochs_saved"] == pytest.approx(1 - (10 + 10 + 3) / 30)
    assert replay_stopping([np.stack([rising, rising], axis=1)], patience=2)["mean_lower"] == 0


def test_gains_of_fine_tuning_are_over_the_same_trials_head() -> None:
    heads = [_slot(0, 0.7), _slot(1, 0.6)]
    tuned = [
        _slot(0, 0.75, phase="finetune", device_s=9.0),
        _slot(1, 0.6, phase="finetune", state="pruned", device_s=2.0),
    ]
    found = replay_finetuning(heads, tuned)
    assert [row["gain"] for row in found["finetunings"]] == [pytest.approx(0.05), None]
    assert (found["given_up"], found["head_seconds"], found["finetune_seconds"]) == (1, 2.0, 11.0)
    assert found["best_finetuned"] == pytest.approx(0.75)


def test_the_first_trial_of_a_pair_tells_of_the_others() -> None:
    scores = {"a:a": [0.9, 0.8, 0.85], "b:b": [0.2, 0.3], "c:c": [0.5, 0.5, 0.6], "d:d": [0.1]}
    pairs = [(name, score) for name, mine in scores.items() for score in mine]
    found = replay_bursts([_slot(n, score, name) for n, (name, score) in enumerate(pairs)])
    assert (found["bursts"], found["of_one_trial"], found["pairs_tried_again"]) == (4, 1, 3)
    assert found["first_and_later"] > 0.9
    assert found["later_above_median"]["began_below"] == {"of": 1, "share": 0.0}
    assert found["later_above_median"]["began_above"]["of"] == 2
