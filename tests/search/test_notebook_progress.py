"""Progress in a notebook's cell, in a real kernel: one output that is replaced."""

from pathlib import Path

import pytest

from tests.examples.notebook_runs import notebook_of, run, texts

SHOW = """
from search.live_progress import LiveProgress
from tests.search.test_progress import Status, document

with LiveProgress() as progress:
    progress.say("space: auto is small")
    for done in range(200):
        progress.show(Status(document(trials={"running": 1, "done": done, "failed": 0})))
"""
BREAK_OFF = """
with LiveProgress() as progress:
    progress.show(Status(document()))
    raise KeyboardInterrupt
"""
SHELL = """
import sys
command = "from search.cli.output import side_terminal as t; print(t().is_terminal)"
!{sys.executable} -c "{command}"
"""


@pytest.mark.slow
def test_progress_is_one_output_of_the_cell_and_that_is_the_last_status(tmp_path: Path) -> None:
    notebook = notebook_of(SHOW, SHELL)
    shown, shell = run(notebook, tmp_path, work_folder=tmp_path, timeout_s=60).cells
    (text,) = texts(shown)
    first, counts, *_ = text.splitlines()
    assert first == "space: auto is small"
    assert counts == "cells: 199 of 40 trials done, 1 running, 14 min left"
    assert "best: trial 7" in text
    assert "\x1b" not in text
    assert "".join(texts(shell)).strip() == "False"


@pytest.mark.slow
def test_what_was_shown_last_stays_when_the_kernel_is_interrupted(tmp_path: Path) -> None:
    from nbclient.exceptions import CellExecutionError

    notebook = notebook_of(SHOW, BREAK_OFF)
    with pytest.raises(CellExecutionError, match="KeyboardInterrupt"):
        run(notebook, tmp_path, work_folder=tmp_path, timeout_s=60)
    shown, error = notebook.cells[1].outputs
    assert "12 of 40 trials done" in shown["data"]["text/plain"]
    assert error["ename"] == "KeyboardInterrupt"
