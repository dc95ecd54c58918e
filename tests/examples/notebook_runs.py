"""Runs notebooks in a real kernel, without touching anything of the user's own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 300
"""Of a kernel: the machine may be busy with other tests."""


@contextmanager
def _environment(folder: Path) -> Iterator[None]:
    """Give kernels folders of their own, and this source."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
            patch.setenv(name, str(folder / "jupyter"))
        patch.setenv("FOLDSWEEP_HOME", str(folder / "home"))
        patch.setenv("PYTHONPATH", path)
        patch.setenv("CUDA_VISIBLE_DEVICES", "-1")
        yield


def run(notebook: Any, folder: Path, *, work_folder: Path, timeout_s: int) -> Any:
    """Run all cells; gives the notebook with its outputs, and raises what a cell has raised.

    Args:
        notebook: As nbformat reads it.
        folder: For everything that is written.
        work_folder: Where the kernel starts.
        timeout_s: Of one cell.
    """
    resources = {"metadata": {"path": str(work_folder)}}
    with _environment(folder):
        client = NotebookClient(
            notebook,
            timeout=timeout_s,
            startup_timeout=START_TIMEOUT_S,
            kernel_name="python3",
            resources=resources,
        )
        return client.execute()


def notebook_of(*cells: str) -> Any:
    """Make a notebook of cells of code."""
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])


def texts(cell: Any) -> list[str]:
    """Give what each output of a cell shows as text."""
    return [
        output["text"] if output["output_type"] == "stream" else output["data"]["text/plain"]
        for output in cell["outputs"]
    ]
