"""The log of a worker is what foldsweep says, and not how TensorFlow starts."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.search.workers.worker_processes import WorkerProcess, created, started

TENSORFLOW = re.compile(r"oneDNN|cpu_feature_guard|cuda|[IWE]0000|tensorflow/", re.IGNORECASE)


@pytest.mark.acceptance
def test_tensorflows_start_up_lines_are_not_in_it(
    content: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    del content["objective"]
    own = {**content, "budget": {"trials": 1}, "train": {"head_epochs": 1, "finetune_epochs": 0}}
    sweep, file = created(own, tmp_path)
    worker = WorkerProcess(file, command=("env",))
    with started(worker):
        assert worker.end(timeout_s=300.0) == 0, worker.log
    assert sweep.status().trials["done"] == 1, worker.log
    assert not TENSORFLOW.search(worker.log), worker.log
