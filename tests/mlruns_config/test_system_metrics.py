"""How busy the machine was, over all attempts at a trial."""

import threading
import time
from pathlib import Path

import pytest

from mlruns_config.outbox.outbox import Outbox
from mlruns_config.settings import TrackingSettings
from mlruns_config.system_metrics import SystemMetrics
from tests.mlruns_config.found_runs import only_run

CPU = "system/cpu_utilization_percentage"


@pytest.mark.slow
def test_system_metrics_arrive_under_mlflows_names(
    sqlite: TrackingSettings, tmp_path: Path
) -> None:
    outbox = Outbox(sqlite, tmp_path / "worker")
    run = outbox.open_run("system", "system/1", "trial 1", attempt=1)
    with SystemMetrics(run, interval_s=0.2):
        time.sleep(0.7)
    run.finish()
    assert outbox.close(150)
    client, found = only_run(sqlite, "system")
    history = client.get_metric_history(found.info.run_id, CPU)
    assert [metric.step for metric in history] == list(range(len(history)))
    assert len(history) >= 2
    assert all(0.0 <= metric.value <= 100.0 for metric in history)
    assert found.data.metrics["system/system_memory_usage_megabytes"] > 0


@pytest.mark.slow
def test_the_steps_of_a_later_attempt_are_seconds_of_the_trial_too(
    sqlite: TrackingSettings, tmp_path: Path
) -> None:
    outbox = Outbox(sqlite, tmp_path / "worker")
    for attempt, first_step in ((1, 0), (2, 100)):
        run = outbox.open_run("attempts", "attempts/1", "trial 1", attempt=attempt)
        with SystemMetrics(run, first_step=first_step, interval_s=1.0):
            time.sleep(2.5)
    assert outbox.close(150)
    client, found = only_run(sqlite, "attempts")
    steps = sorted(metric.step for metric in client.get_metric_history(found.info.run_id, CPU))
    # A busy machine may come a second late, and leave one out.
    assert {0, 1, 100, 101} <= set(steps) <= {0, 1, 2, 3, 100, 101, 102, 103}
    assert len(set(steps)) == len(steps)


@pytest.mark.slow
def test_a_worker_that_no_longer_holds_the_trial_samples_no_more(
    sqlite: TrackingSettings, tmp_path: Path
) -> None:
    outbox = Outbox(sqlite, tmp_path / "worker")
    run = outbox.open_run("lost", "lost/1", "trial 1", attempt=1)
    asked: list[int] = []
    is_lost = threading.Event()

    def is_held() -> bool:
        asked.append(1)
        return not is_lost.is_set()

    with SystemMetrics(run, is_held=is_held, interval_s=0.1):
        time.sleep(0.5)
        is_lost.set()
        time.sleep(0.3)
        n_asked = len(asked)
        time.sleep(0.5)
    assert outbox.close(150)
    client, found = only_run(sqlite, "lost")
    assert len(client.get_metric_history(found.info.run_id, CPU)) == n_asked - 1
    assert len(asked) == n_asked
