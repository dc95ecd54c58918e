"""``foldsweep budget``: it changes what the storage says, which is what workers go by."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from search.settings import RuntimeSettings
from search.storage.storage import Storage, open_storage
from search.sweep import Sweep
from search.sweep_file.stored import stored_file
from search.sweep_file.sweep_file import check_sweep
from tests.search.cli.conftest import Run, write_images
from tests.search.cli.test_commands import environment, sweep_content
from tests.search.small_sweep import claim, enter_sweep


@pytest.fixture
def storage(home: Path) -> Storage:
    """A storage with the sweep ``cells``: three trials, one of them ended."""
    opened = open_storage(RuntimeSettings.from_environment().storage_url)
    file = check_sweep(sweep_content(budget={"trials": 3})).as_written()
    slots = opened.slots(enter_sweep(opened, "cells", trials=3, file=file).id)
    slots.finish(claim(slots), "done", score=0.5)
    return opened


def counted(storage: Storage) -> int:
    row = storage.sweeps.find("cells")
    assert row is not None
    return len(storage.slots(row.id).all())


def test_the_budget_and_what_is_used_are_shown(storage: Storage, run: Run) -> None:
    answer = run("budget", "cells")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines() == [
        "cells, interrupted: 1 of 3 trials used",
        "0.00 hours used, no limit",
        "0.00 GPU hours used, no limit",
    ]
    assert counted(storage) == 3


def test_each_limit_is_changed_alone(storage: Storage, run: Run) -> None:
    run("budget", "cells", "--hours", "1.5")
    document = json.loads(run("budget", "cells", "--trials", "5", "--json").out)
    assert document == {
        "sweep": "cells",
        "state": "interrupted",
        "trials": 5,
        "trials_used": 1,
        "hours": 1.5,
        "hours_used": 0.0,
        "gpu_hours": None,
        "gpu_hours_used": 0.0,
        "money": None,
        "money_used": None,
    }
    assert counted(storage) == 5
    assert "of 1.5 hours used" in run("budget", "cells").out


def test_money_needs_a_price_from_whichever_time(storage: Storage, run: Run) -> None:
    refused = run("budget", "cells", "--money", "50")
    assert refused.code == 2
    assert "money is 50, but nothing says what a GPU costs: set gpu_hour_price" in refused.err
    assert run("budget", "cells", "--gpu-hour-price", "2.5").code == 0
    answer = run("budget", "cells", "--money", "50")
    assert "0.00 of 50 spent on GPUs" in answer.out
    row = storage.sweeps.find("cells")
    assert row is not None
    assert (row.budget.money, row.budget.gpu_hour_price) == (50, 2.5)
    assert row.budget.most_gpu_hours == 20


def test_a_lowered_budget_keeps_what_was_run(storage: Storage, run: Run) -> None:
    assert run("budget", "cells", "--trials", "1").code == 0
    assert "done: 1 of 1 trials used" in run("budget", "cells").out
    assert counted(storage) == 1


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--trials", "0"),
        ("--trials", "100001"),
        ("--hours", "0"),
        ("--hours", "nan"),
        ("--hours", "inf"),
        ("--gpu-hours", "-1"),
        ("--gpu-hour-price", "0"),
    ],
)
def test_what_no_sweep_file_could_say_is_refused_and_changes_nothing(
    storage: Storage, run: Run, option: str, value: str
) -> None:
    answer = run("budget", "cells", option, value)
    assert answer.code == 2
    assert "the budget: " + option[2:].replace("-", "_") in answer.err
    row = storage.sweeps.find("cells")
    assert row is not None
    # A budget beyond the file's limits would make the stored file one that nobody can read.
    assert stored_file(row).budget.trials == 3
    assert counted(storage) == 3


def test_a_sweep_that_is_not_there_is_refused(storage: Storage, run: Run) -> None:
    assert "Did you mean 'cells'" in run("budget", "cell", "--trials", "4").err
    assert counted(storage) == 3


def test_a_sweep_that_is_launched_by_its_name_goes_on_with_the_changed_budget(
    storage: Storage, home: Path
) -> None:
    row = storage.sweeps.find("cells")
    assert row is not None
    # As launch wrote it, with the budget of that time.
    written = RuntimeSettings.from_environment().sweep_folder("cells") / "sweep.yaml"
    written.parent.mkdir(parents=True)
    written.write_text(row.file, "utf-8")
    sweep = Sweep.open("cells")
    assert sweep.change_budget(trials=7).trials == 7
    assert sweep.file.budget.trials == 7
    assert Sweep.open("cells").file.budget.trials == 7
    assert "trials: 3" in written.read_text("utf-8")


@pytest.mark.slow
def test_workers_that_run_go_on_with_a_raised_budget(tmp_path: Path) -> None:
    write_images(tmp_path / "cells.npz", [0, 1, 2] * 10)
    content = sweep_content(train={"head_epochs": 4, "finetune_epochs": 0}, budget={"trials": 1})
    (tmp_path / "cells.yaml").write_text(yaml.safe_dump(content), "utf-8")
    variables = {
        **environment(tmp_path / "home"),
        "TINY_OBJECTIVE_FOLDER": str(tmp_path),
        "TINY_OBJECTIVE_EPOCH_S": "2",
    }

    def command(*words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "search.cli", *words],
            cwd=tmp_path,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    launch = command("launch", "cells.yaml", "--json")
    try:
        deadline_s = time.monotonic() + 60
        while not list(tmp_path.glob("attempt-0-*")) and time.monotonic() < deadline_s:
            time.sleep(0.05)
        raised = command("budget", "cells", "--trials", "2")
        assert raised.wait(timeout=30) == 0, raised.communicate()
        out, err = launch.communicate(timeout=90)
    finally:
        launch.kill()
    assert launch.returncode == os.EX_OK, err
    assert json.loads(out)["trials"]["done"] == 2
