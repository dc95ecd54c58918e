"""Sweeps of an objective that waits and dies where a test wants it."""

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def held_content(
    content: dict[str, Any], signal_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """A sweep file as a mapping, whose trials obey the files in ``signal_folder``."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    return {**content, "objective": "held_objective:score", "budget": {"trials": 1}}
