"""The notebook of the examples: kept without outputs, and run from its first cell to its last."""

import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.examples.notebook_runs import ROOT, run, texts

PATH = ROOT / "examples" / "digits.ipynb"
FIGURE = "application/vnd.plotly.v1+json"


def read() -> Any:
    return nbformat.read(PATH, as_version=4)


def test_it_is_kept_without_outputs_and_nothing_of_whoever_wrote_it() -> None:
    notebook = read()
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.id for cell in code if cell.outputs or cell.execution_count is not None] == []
    assert [cell.id for cell in notebook.cells if cell.metadata] == []
    assert notebook.metadata.keys() == {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"


def test_every_figure_of_a_sweep_is_in_it() -> None:
    from search.sweep_plots import SweepPlots

    text = PATH.read_text("utf-8")
    figures = [name for name in vars(SweepPlots) if name.startswith("plot_")]
    assert len(figures) >= 9
    assert [name for name in figures if f".{name}(" not in text] == []


@pytest.mark.acceptance
@pytest.mark.timeout(1800)
def test_it_runs_and_shows_what_it_promises(tmp_path: Path) -> None:
    work_folder = tmp_path / "examples"
    work_folder.mkdir()
    for name in ("digits.py", "digits.yaml"):
        shutil.copy(PATH.parent / name, work_folder)
    cells = {
        cell.id: cell
        for cell in run(read(), tmp_path, work_folder=work_folder, timeout_s=1500).cells
    }
    (progress,) = texts(cells["launch"])
    assert "digits: 6 of 6 trials done" in progress
    assert "\x1b" not in progress
    figures = [
        name
        for name, cell in cells.items()
        for output in cell.get("outputs", ())
        if FIGURE in output.get("data", {})
    ]
    assert len(figures) == 10
    (table,) = cells["table"].outputs
    assert "params.optimizer" in table["data"]["text/html"]
    assert "passed" in "".join(texts(cells["promotion"]))
    (answers,) = texts(cells["unseen"])
    # One picture a digit, none of which was trained on.
    right = sum(f"unseen-{digit}.png" in line for digit, line in _by_answer(answers))
    assert right >= 8


def _by_answer(table: str) -> list[tuple[str, str]]:
    """Pair each line of the table with the class in its last column."""
    return [(line.split()[-1], line) for line in table.splitlines()[1:]]
