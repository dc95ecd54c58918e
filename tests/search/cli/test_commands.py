"""The commands on a sweep that was launched for real, with an objective of milliseconds."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from search.cli.app import main
from tests.search.cli.conftest import Run, write_images
from tests.search.cli.small_terminal import lines_of, run_in_terminal

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


def sweep_content(**changes: Any) -> dict[str, Any]:
    return {
        "sweep": "cells",
        "data": {"path": "cells.npz", "image_px": 32, "exclude": "none", "holdout": 0.2},
        "validation": {"folds": 2, "shift": "none"},
        "train": {"head_epochs": 2, "finetune_epochs": 0},
        "space": {"backbone": "small_cnn", "policy": "none"},
        "objective": "tests.search.tiny_objective:score",
        "search": {"pruner": "none"},
        "budget": {"trials": 2},
        **changes,
    }


def environment(home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("FOLDSWEEP_", "MLFLOW_"))}
    return {**kept, "FOLDSWEEP_HOME": str(home), "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A home with a finished sweep of two trials, and how its launch ended."""
    folder = tmp_path_factory.mktemp("launched")
    write_images(folder / "images.npz", [0, 1, 2] * 10)
    (folder / "cells.yaml").write_text(yaml.safe_dump(sweep_content()), "utf-8")
    arguments = ["launch", "cells.yaml", "images.npz", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "search.cli", *arguments],
        cwd=folder,
        env=environment(folder / "home"),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return folder / "home", done


@pytest.fixture
def finished(launched: tuple[Path, Any], run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run command lines in the home of the finished sweep."""
    monkeypatch.setenv("FOLDSWEEP_HOME", str(launched[0]))
    return run


def test_launch_prints_one_document_and_shows_progress_beside_it(
    launched: tuple[Path, Any],
) -> None:
    _, done = launched
    document = json.loads(done.stdout)
    assert document["sweep"] == "cells"
    assert document["state"] == "done"
    assert document["trials"]["done"] == 2
    assert {"trial", "score", "clean", "shifted", "params", "run_id"} <= document["best"].keys()
    assert "cells: 2 of 2 trials done" in done.stderr
    assert "space: auto is " in done.stderr
    assert "Traceback" not in done.stderr


def test_status_prints_the_same_document_as_launch(
    finished: Run, launched: tuple[Path, Any]
) -> None:
    document = json.loads(finished("status", "cells", "--json").out)
    ended = json.loads(launched[1].stdout)
    assert document["leaderboard"] == ended["leaderboard"]
    assert document["trials"] == ended["trials"]


def test_status_without_a_sweep_lists_all_of_them(finished: Run) -> None:
    answer = finished("status")
    assert answer.out.splitlines()[1].split()[:5] == ["cells", "done", "2", "of", "2"]
    (document,) = json.loads(finished("status", "--json").out)
    assert document["sweep"] == "cells"


def test_watching_a_sweep_that_has_ended_ends_at_once(finished: Run) -> None:
    for words in (("cells", "--watch"), ("--watch", "cells"), ("cells", "--watch", "0.5")):
        answer = finished("status", *words)
        assert answer.code == 0
        assert "cells: 2 of 2 trials done" in answer.out


def test_in_a_terminal_of_40_columns_the_end_of_a_sweep_is_shown_in_lines_of_40(
    launched: tuple[Path, Any],
) -> None:
    code, written = run_in_terminal(
        [sys.executable, "-m", "search.cli", "status", "cells", "--watch", "0.2"],
        columns=40,
        lines=24,
        folder=launched[0].parent,
        environment=environment(launched[0]),
    )
    lines = lines_of(written)
    assert code == 0, written
    assert max(map(len, lines)) <= 40
    assert "cells: 2 of 2 trials done, done" in lines
    assert any(line.split() == ["trial", "score", "clean", "shifted", "backbone"] for line in lines)


@pytest.mark.acceptance
def test_a_launch_in_a_terminal_of_40_columns_is_redrawn_in_lines_of_40(tmp_path: Path) -> None:
    write_images(tmp_path / "cells.npz", [0, 1, 2] * 10)
    (tmp_path / "cells.yaml").write_text(yaml.safe_dump(sweep_content(workers={"count": 2})))
    code, written = run_in_terminal(
        [sys.executable, "-m", "search.cli", "launch", "cells.yaml"],
        columns=40,
        lines=24,
        folder=tmp_path,
        environment={**environment(tmp_path / "home"), "TINY_OBJECTIVE_EPOCH_S": "3"},
    )
    lines = lines_of(written)
    assert code == 0, written
    assert "\x1b[" in written
    # The advice at the end is commands to be copied, which are not broken.
    before_advice = lines[: lines.index("Next:")]
    assert max(map(len, before_advice)) <= 40
    # A short name of the machine leaves room for the score.
    assert any(
        re.match(r"worker +device +trial +stage +epoch( +score)? *$", line) for line in lines
    )
    assert any(re.match(r"\S+ +cpu +\d +head +1 ", f"{line} ") for line in lines)


def test_a_sweep_that_is_watched_as_json_is_one_document_a_line(finished: Run) -> None:
    lines = finished("status", "cells", "--watch", "--json").out.splitlines()
    assert [json.loads(line)["state"] for line in lines] == ["done"]


def test_the_leaderboard_has_a_row_for_each_trial_the_best_first(finished: Run) -> None:
    lines = finished("status", "cells").out.splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("rank"))
    expected = "rank trial score clean shifted stage backbone policy optimizer time"
    assert lines[head].split() == expected.split()
    scores = [float(line.split()[2]) for line in lines[head + 1 : head + 3]]
    assert scores == sorted(scores, reverse=True)


def test_show_prints_a_trial_for_people_and_for_programs(finished: Run) -> None:
    document = json.loads(finished("show", "cells", "1", "--json").out)
    assert document["trial"] == 1
    assert len(document["fold_scores"]) == 2
    assert document["run_url"].endswith(f"/#/runs/{document['run_id']}")
    text = finished("show", "cells", "1").out
    assert "cells, trial 1: done" in text
    assert f"{document['score']:.4f}" in text
    assert document["params"]["backbone"] in text
    assert document["run_url"] in text


def test_a_trial_that_is_not_there_is_refused_with_those_that_are(finished: Run) -> None:
    answer = finished("show", "cells", "7")
    assert answer.code == 2
    assert "0 to 1" in answer.err


def test_a_misspelt_sweep_is_refused_with_the_nearest(finished: Run) -> None:
    answer = finished("status", "cell")
    assert answer.code == 2
    assert "Did you mean 'cells'" in answer.err


def test_launching_other_settings_under_the_same_name_is_refused(
    finished: Run, launched: tuple[Path, Any]
) -> None:
    write_images(Path("cells.npz"), [0, 1, 2] * 10)
    changed = sweep_content(train={"head_epochs": 3, "finetune_epochs": 0})
    Path("cells.yaml").write_text(yaml.safe_dump(changed), "utf-8")
    answer = finished("launch", "cells.yaml")
    assert answer.code == 2
    assert "train.head_epochs: 2 -> 3" in answer.err
    assert json.loads(finished("status", "cells", "--json").out)["trials"]["done"] == 2


def test_launching_other_data_under_the_same_name_is_refused(finished: Run) -> None:
    write_images(Path("cells.npz"), [0, 1, 2] * 11)
    Path("cells.yaml").write_text(yaml.safe_dump(sweep_content()), "utf-8")
    answer = finished("launch", "cells.yaml")
    assert answer.code == 2
    assert "fingerprint" in answer.err


def test_promoting_a_trial_that_is_not_there_is_refused(finished: Run) -> None:
    answer = finished("promote", "cells", "--trial", "9")
    assert answer.code == 2
    assert "9" in answer.err


def test_predicting_with_a_model_that_is_not_there_is_refused(finished: Run) -> None:
    write_images(Path("cells.npz"), [0, 1])
    answer = finished("predict", "models:/none@champion", "cells.npz")
    assert answer.code == 2
    assert "none" in answer.err


def test_ctrl_c_keeps_everything_and_says_how_to_go_on(tmp_path: Path) -> None:
    write_images(tmp_path / "cells.npz", [0, 1, 2] * 10)
    (tmp_path / "cells.yaml").write_text(yaml.safe_dump(sweep_content()), "utf-8")
    (tmp_path / "slow-all").touch()
    launch = subprocess.Popen(
        [sys.executable, "-m", "search.cli", "launch", "cells.yaml"],
        cwd=tmp_path,
        env={**environment(tmp_path / "home"), "TINY_OBJECTIVE_FOLDER": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 90
        while not list(tmp_path.glob("attempt-*")) and time.monotonic() < deadline:
            time.sleep(0.1)
        launch.send_signal(signal.SIGINT)
        _, err = launch.communicate(timeout=60)
    finally:
        launch.kill()
    assert launch.returncode == 130, err
    assert "Everything is kept; to go on, type: foldsweep launch cells.yaml" in err
    assert "Traceback" not in err


def test_shells_complete_commands_and_options(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_FOLDSWEEP_COMPLETE", "bash_complete")
    for words, expected in (("foldsweep pr", "promote"), ("foldsweep status --w", "--watch")):
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
        with pytest.raises(SystemExit):
            main([])
        assert f"plain,{expected}" in capsys.readouterr().out
