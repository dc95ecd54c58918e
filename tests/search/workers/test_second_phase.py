"""Fine-tuning as the second phase of a trial: after the heads, in the same slot and MLflow run."""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from mlflow.entities import Run

from mlruns_config.client import connect
from mlruns_config.names import (
    TAG_FINETUNE_REASON,
    TAG_FINETUNE_STATE,
    TAG_REASON,
    TAG_SCORE_STAGE,
    TAG_STATE,
    TAG_TRIAL,
)
from mlruns_config.settings import TrackingSettings
from search.promotion.candidate import find_candidate, finished_candidates
from search.sweep import Sweep
from tests.mlruns_config.found_runs import steps_of
from tests.search.two_phase_objective import GAIN, head_score
from tests.search.workers.worker_processes import slots_of, workers_of

pytestmark = pytest.mark.slow

HEAD_EPOCHS, FINETUNE_EPOCHS = 3, 2


@pytest.fixture
def two_phases(content: dict[str, Any], signal_folder: Path) -> dict[str, Any]:
    """A sweep file whose trials have two phases, as a mapping."""
    return {
        **content,
        "objective": "two_phase_objective:score",
        "train": {
            "head_epochs": HEAD_EPOCHS,
            "finetune_epochs": FINETUNE_EPOCHS,
            "finetune_top": 0.25,
        },
    }


def order(signal_folder: Path) -> list[tuple[int, str]]:
    """List the phases in the order in which they began."""
    lines = (signal_folder / "order").read_text().splitlines()
    return [(int(trial), phase) for trial, phase in (line.split() for line in lines)]


def heads(*trials: int) -> list[tuple[int, str]]:
    return [(trial, "head") for trial in trials]


def tuned(*trials: int) -> list[tuple[int, str]]:
    return [(trial, "finetune") for trial in trials]


def runs_of(home: Path) -> dict[int, Run]:
    """Give MLflow's run of each trial; there must not be two of one."""
    client = connect(TrackingSettings.from_environment(home))
    found = client.search_runs([client.get_experiment_by_name("tiny").experiment_id])
    by_trial = {int(run.data.tags[TAG_TRIAL]): run for run in found}
    assert len(by_trial) == len(found)
    return by_trial


def study_of(sweep: Sweep, name: str) -> optuna.Study:
    return optuna.load_study(study_name=name, storage=sweep.storage.optuna)


def test_all_heads_run_first_and_then_the_best_share_of_them_is_fine_tuned(
    two_phases: dict[str, Any],
    home: Path,
    signal_folder: Path,
    storage_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FOLDSWEEP_STORAGE_URL", storage_url)
    sweep = Sweep.from_mapping({**two_phases, "budget": {"trials": 6}})
    sweep.work()
    # A quarter of six, rounded up.
    assert order(signal_folder) == heads(*range(6)) + tuned(5, 4)
    status = sweep.status()
    assert (status.state, status.trials["done"], status.finetuning["done"]) == ("done", 6, 2)
    assert [(row["trial"], row["stage"]) for row in status.leaderboard[:3]] == [
        (5, "finetune"),
        (4, "finetune"),
        (3, "head"),
    ]
    record = sweep.trial(5)
    assert record.score == record.finetuned_score == pytest.approx(head_score(5) + GAIN)
    assert (record.first_score, record.attempts) == (head_score(5), 2)
    assert record.stages == {"head": HEAD_EPOCHS, "finetune": FINETUNE_EPOCHS}
    assert record.stage_s == {"head": 3.0, "finetune": 2.0}
    # The study of heads has heard of heads alone, that of fine-tuning of both.
    study, second = study_of(sweep, "tiny"), study_of(sweep, "tiny/finetune")
    assert [trial.value for trial in study.trials] == [head_score(n) for n in range(6)]
    assert [trial.value for trial in second.trials] == [
        pytest.approx(head_score(number) + GAIN) for number in (5, 4)
    ]
    for trial, number in zip(second.trials, (5, 4), strict=True):
        head = study.trials[number].params
        own = trial.params.keys() - head.keys()
        assert head.items() <= trial.params.items()
        assert own == {"finetune_fraction", f"{head['optimizer']}_finetune_learning_rate"}
        assert not own & head.keys()
    slots = slots_of(sweep)
    assert all(slot.told and slot.spooled == "done" for slot in slots)


def test_the_run_goes_on_and_has_both_phases(
    two_phases: dict[str, Any], home: Path, signal_folder: Path
) -> None:
    sweep = Sweep.from_mapping({**two_phases, "budget": {"trials": 2}})
    sweep.work()
    client = connect(TrackingSettings.from_environment(home))
    runs = runs_of(home)
    run = runs[1]
    record = sweep.trial(1)
    assert (run.info.status, run.info.run_id) == ("FINISHED", record.run_id)
    assert steps_of(client, run, "head/score") == Counter(range(HEAD_EPOCHS))
    assert steps_of(client, run, "finetune/score") == Counter(
        range(HEAD_EPOCHS, HEAD_EPOCHS + FINETUNE_EPOCHS)
    )
    better = pytest.approx(head_score(1) + GAIN)
    metrics = run.data.metrics
    assert (metrics["score"], metrics["finetune/final_score"]) == (better, better)
    assert metrics["head/final_score"] == head_score(1)
    assert (metrics["head/epochs"], metrics["finetune/epochs"]) == (3.0, 2.0)
    history = client.get_metric_history(run.info.run_id, "score")
    assert [point.value for point in history] == [head_score(1), better]
    assert len(client.get_metric_history(run.info.run_id, "head/final_score")) == 1
    assert run.data.tags[TAG_SCORE_STAGE] == "finetune"
    rate = record.params["finetune_learning_rate"]
    assert run.data.params["finetune_learning_rate"] == str(rate)
    for place, value in (("predictions", head_score(1)), ("finetune/predictions", 0.71)):
        with np.load(client.download_artifacts(run.info.run_id, f"{place}/oof.npz")) as oof:
            assert oof["clean"] == pytest.approx(value / 3)
    assert "finetune_learning_rate" not in runs[0].data.params
    assert not [name for name in runs[0].data.metrics if name.startswith("finetune")]


def test_a_trial_keeps_the_score_of_its_heads_if_fine_tuning_comes_to_nothing(
    two_phases: dict[str, Any], home: Path, signal_folder: Path
) -> None:
    for what in ("worse-0", "stopped-1", "broken-2"):
        (signal_folder / what).touch()
    train = {**two_phases["train"], "finetune_top": 1.0}
    sweep = Sweep.from_mapping({**two_phases, "train": train, "budget": {"trials": 3}})
    sweep.work()
    records = sweep.trial_records()
    assert [record.state for record in records] == ["done"] * 3
    assert [record.finetuning for record in records] == ["done", "pruned", "failed"]
    assert [record.score for record in records] == [head_score(n) for n in range(3)]
    assert [record.stage for record in records] == ["head"] * 3
    assert [record.stages for record in records] == [{"head": HEAD_EPOCHS}] * 3
    assert [record.reason for record in records] == [None] * 3
    assert "no chance left" in str(records[1].finetuning_reason)
    assert "the network does not fit" in str(records[2].finetuning_reason)
    second = study_of(sweep, "tiny/finetune")
    assert sorted(trial.state.name for trial in second.trials) == ["COMPLETE", "FAIL", "PRUNED"]
    runs = runs_of(home)
    for number, state in enumerate(("complete", "pruned", "failed")):
        run = runs[number]
        assert run.info.status == "FINISHED"
        assert run.data.metrics["score"] == head_score(number)
        assert (run.data.tags[TAG_STATE], run.data.tags[TAG_FINETUNE_STATE]) == ("complete", state)
        assert TAG_SCORE_STAGE not in run.data.tags
        assert TAG_REASON not in run.data.tags
        assert (TAG_FINETUNE_REASON in run.data.tags) is (state != "complete")
    candidate = finished_candidates(slots_of(sweep), "tiny")[0]
    assert (candidate.trial, candidate.epochs) == (2, {"head": HEAD_EPOCHS})


@pytest.mark.parametrize(
    ("pruner", "incumbents"),
    [
        ("percentile", ["2 None", "1 2-finetune", "0 2-finetune"]),
        # The one switch that stops no trial.
        ("none", ["2 None", "1 None", "0 None"]),
    ],
)
def test_a_fine_tuning_races_against_the_best_one_so_far(
    two_phases: dict[str, Any],
    home: Path,
    signal_folder: Path,
    pruner: str,
    incumbents: list[str],
) -> None:
    changes = {
        "train": {**two_phases["train"], "finetune_top": 1.0},
        "search": {**two_phases["search"], "pruner": pruner},
        "budget": {"trials": 3},
    }
    Sweep.from_mapping({**two_phases, **changes}).work()
    assert (signal_folder / "incumbents").read_text().splitlines() == incumbents


def test_what_a_score_came_from_is_promoted(
    two_phases: dict[str, Any], home: Path, signal_folder: Path
) -> None:
    sweep = Sweep.from_mapping({**two_phases, "budget": {"trials": 3}})
    sweep.work()
    candidate = finished_candidates(slots_of(sweep), "tiny")[0]
    assert candidate.trial == 2
    assert candidate.slot.score == pytest.approx(head_score(2) + GAIN)
    assert candidate.epochs == {"head": HEAD_EPOCHS, "finetune": FINETUNE_EPOCHS}
    tuned_params = sweep.trial(2).params
    assert candidate.params.finetune_learning_rate == tuned_params["finetune_learning_rate"]
    other = find_candidate(slots_of(sweep), "tiny", 1)
    assert (other.slot.score, other.epochs) == (head_score(1), {"head": HEAD_EPOCHS})


def test_after_the_budget_was_raised_heads_come_first_again_and_then_the_best_of_all(
    two_phases: dict[str, Any], home: Path, signal_folder: Path
) -> None:
    train = {**two_phases["train"], "finetune_top": 0.5}
    sweep = Sweep.from_mapping({**two_phases, "train": train, "budget": {"trials": 4}})
    sweep.work()
    assert order(signal_folder) == heads(0, 1, 2, 3) + tuned(3, 2)
    sweep.change_budget(trials=6)
    assert sweep.status().state == "interrupted"
    # Days later, on a machine that has none of the files.
    shutil.rmtree(sweep.folder / "trials")
    sweep.work()
    # Half of six are three, of which two were fine-tuned before.
    assert order(signal_folder)[6:] == heads(4, 5) + tuned(5)
    assert sweep.status().finetuning["done"] == 3
    assert {run.info.status for run in runs_of(home).values()} == {"FINISHED"}


def test_a_recipe_fixes_fine_tuning_too(
    two_phases: dict[str, Any], home: Path, signal_folder: Path
) -> None:
    recipe = {"optimizer": "sgd", "finetune_learning_rate": 0.0005, "finetune_fraction": 1.0}
    changes = {"recipes": [recipe], "budget": {"trials": 1}}
    sweep = Sweep.from_mapping({**two_phases, **changes})
    sweep.work()
    params = sweep.trial(0).params
    assert (params["finetune_learning_rate"], params["finetune_fraction"]) == (0.0005, 1.0)


def test_under_a_budget_of_hours_heads_leave_the_rest_to_the_best_of_them(
    two_phases: dict[str, Any],
    home: Path,
    signal_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TINY_OBJECTIVE_EPOCH_S", "0.2")
    # Heads of a second each for 8 s, then fine-tuning that takes longer than the time that is left.
    train = {**two_phases["train"], "finetune_epochs": 15}
    train |= {"finetune_share": 0.5, "finetune_top": 0.01}
    budget = {"trials": 100, "hours": 16 / 3600}
    sweep = Sweep.from_mapping({**two_phases, "train": train, "budget": budget})
    sweep.work()
    began = order(signal_folder)
    n_heads = sum(phase == "head" for _, phase in began)
    n_tuned = len(began) - n_heads
    # More than the share of the trials: it is the hours that bind.
    assert n_tuned >= 2
    best_first = list(range(n_heads - 1, -1, -1))
    assert began == heads(*range(n_heads)) + tuned(*best_first[:n_tuned])
    slots = slots_of(sweep)
    began_at = min(slot.claimed_at or 0.0 for slot in slots if slot.phase == "finetune")
    (worker,) = workers_of(sweep)
    assert began_at - worker.joined_at >= 8.0
    assert max(s.claimed_at or 0.0 for s in slots if s.phase == "head") - worker.joined_at < 9.0
    assert sweep.status().state == "done"
    last = sweep.trial(best_first[n_tuned - 1])
    assert last.finetuning == "done"
    assert "the sweep's time was used up in stage finetune" in str(last.finetuning_reason)
