"""A trial that is stopped in fine-tuning has the score of its heads, and stays in the race."""

from pathlib import Path
from typing import Any

import optuna
import pytest

from mlruns_config.client import connect
from mlruns_config.names import TAG_STATE
from mlruns_config.settings import TrackingSettings
from search.sweep import Sweep


@pytest.mark.slow
def test_it_stays_on_the_leaderboard(
    content: dict[str, Any], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent)
    sweep = Sweep.from_mapping(
        {
            **content,
            "objective": "finetuned_objective:score",
            "train": {"head_epochs": 4, "finetune_epochs": 8, "finetune_top": 1.0},
            "search": {"sampler": "random", "pruner": "median"},
            "budget": {"trials": 6},
        }
    )
    sweep.work()
    stopped = sweep.trial(5)
    assert (stopped.state, stopped.score, stopped.finetuned) == ("done", 0.55, True)
    assert "stopped in stage finetune" in str(stopped.reason)
    status = sweep.status()
    assert [row["trial"] for row in status.leaderboard] == [4, 3, 2, 1, 0, 5]
    assert status.trials["done"] == 6
    study = optuna.load_study(study_name="tiny", storage=sweep.storage.optuna)
    last = study.trials[5]
    assert (last.state.name, last.value) == ("COMPLETE", 0.55)
    # Stopped at a look of the pruner, before the end of fine-tuning.
    assert max(last.intermediate_values) < 11
    client = connect(TrackingSettings.from_environment(home))
    run = client.get_run(str(stopped.run_id))
    assert (run.data.tags[TAG_STATE], run.data.metrics["score"]) == ("complete", 0.55)
