"""A small sweep that is prepared once and copied for each fault, and its undisturbed course."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from search.creation import create_or_resume
from search.sweep import Sweep
from tests.search.faults.sweep_copies import SweepCopies


@pytest.fixture
def copies(content: dict[str, Any], home: Path, tmp_path: Path) -> SweepCopies:
    """A sweep of two trials, one from a recipe and one that is drawn, which no worker runs yet."""
    # All that the tiny objective looks at: what is drawn may differ after an interruption.
    recipe = {"optimizer": "adamw", "dropout": 0.3, "learning_rate": 2e-3}
    changes = {"budget": {"trials": 2}, "recipes": [recipe]}
    changes["train"] = {"head_epochs": 2, "finetune_epochs": 0}
    return _prepared({**content, **changes}, home, tmp_path)


@pytest.fixture
def tuned_copies(
    content: dict[str, Any], home: Path, tmp_path: Path, signal_folder: Path
) -> SweepCopies:
    """A sweep of two trials of which the second, the better one, is fine-tuned."""
    train = {"head_epochs": 2, "finetune_epochs": 2, "finetune_top": 0.5}
    changes = {"objective": "two_phase_objective:score", "train": train, "budget": {"trials": 2}}
    return _prepared({**content, **changes}, home, tmp_path)


def _prepared(content: dict[str, Any], home: Path, folder: Path) -> SweepCopies:
    file = folder / "tiny.yaml"
    file.write_text(yaml.safe_dump(content))
    sweep = Sweep.from_yaml(file)
    create_or_resume(sweep.file, sweep.settings).storage.close()
    sweep.storage.close()
    return SweepCopies(home, folder)
