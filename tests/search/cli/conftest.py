from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml

from search.cli.app import main


class Answer(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Answer]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that does not exist yet, and a current folder of its own."""
    for name in ("FOLDSWEEP_STORAGE_URL", "MLFLOW_TRACKING_URI", "FOLDSWEEP_STORE_GB"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FOLDSWEEP_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def run(home: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run one command line in this process."""

    def run_line(*arguments: object) -> Answer:
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Answer(int(left.value.code or 0), out, err)

    return run_line


def write_images(path: Path, numbers: list[int], **arrays: Any) -> Path:
    """Write an .npz of noise: every image is different."""
    images = np.random.default_rng(0).integers(0, 256, (len(numbers), 32, 32, 3), dtype=np.uint8)
    np.savez(path, **{"images": images, "labels": np.array(numbers), **arrays})
    return path


def write_sweep(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(content), "utf-8")
    return path
