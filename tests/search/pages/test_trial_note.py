"""What a person reads first in the run of a trial."""

from dataclasses import replace

from search.pages.trial_note import trial_note
from search.status import TrialRecord

TRIAL = TrialRecord(
    trial=7,
    state="done",
    score=0.81234,
    stage="head",
    clean=0.9,
    shifted=0.72468,
    fold_scores=[0.8, 0.82],
    interval=[0.7, 0.85],
    stages={"head": 12},
    params={"backbone": "small_cnn", "policy": "augmix|flip", "learning_rate": 0.00123456},
    summaries={
        "clean": {"accuracy": 0.91, "log_loss": 0.3},
        "shifted": {"accuracy": 0.72, "log_loss": 0.9},
    },
    stage_s={"head": 90.0},
    metrics={},
    first_score=0.81234,
    finetuning=None,
    finetuned_score=None,
    reason=None,
    finetuning_reason=None,
    run_id="r",
    worker="w",
    attempts=2,
    started_at=0.0,
    ended_at=100.0,
    device_s=95.0,
    sharing={"views": {"made": 1, "reused": 4, "streamed": 0}},
)


def lines(trial: TrialRecord, place: tuple[int, int] | None = None) -> list[str]:
    return trial_note("cells", trial, place).splitlines()


def test_scores_rank_sharing_and_cost_are_told() -> None:
    found = lines(TRIAL, (1, 9))
    assert found[0] == "**Trial 7 of the sweep cells**: score **0.8123** (done)"
    assert "Number 2 of the 9 trials that were done when it ended." in found
    assert "| score | 0.9000 | 0.7247 |" in found
    assert "| accuracy | 0.9100 | 0.7200 |" in found
    assert "- folds: 0.8000 0.8200" in found
    assert any(line.startswith("- sure: 95 % interval 0.7000 to 0.8500") for line in found)
    assert "- shared: views 1 made, 4 reused, 0 streamed" in found
    assert "- cost: 95 s (head 90 s), 2 attempts" in found
    assert "The best of the 9 trials that were done when it ended." in lines(TRIAL, (0, 9))


def test_a_bar_in_a_policy_stays_in_its_cell() -> None:
    assert "| policy | `augmix\\|flip` |" in lines(TRIAL)
    assert "| learning_rate | `0.001235` |" in lines(TRIAL)


def test_only_commands_that_would_work_are_named() -> None:
    def commands(trial: TrialRecord) -> list[str]:
        return [line for line in lines(trial) if line.startswith("foldsweep ")]

    assert commands(TRIAL) == [
        "foldsweep show cells 7",
        "foldsweep replay cells 7",
        "foldsweep promote cells --trial 7",
    ]
    assert len(commands(replace(TRIAL, state="pruned"))) == 2
    failed = replace(TRIAL, state="failed", score=None, reason="out of\nmemory")
    assert commands(failed) == ["foldsweep show cells 7"]
    assert "> out of memory" in lines(failed)
    assert lines(failed)[0].endswith(": failed")


def test_a_trial_that_was_just_begun_is_described_too() -> None:
    begun = replace(
        TRIAL,
        state="running",
        score=None,
        clean=None,
        shifted=None,
        fold_scores=[],
        interval=None,
        stages={},
        summaries={},
        stage_s={},
        device_s=0.0,
        sharing={},
    )
    found = lines(begun)
    assert found[0].endswith(": running")
    assert not any(line.startswith("- ") for line in found)
    assert "| backbone | `small_cnn` |" in found
