import json
from pathlib import Path

import pytest

from mlruns_config.settings import TrackingSettings
from tests.objectives.exporting.served_models import CLASSES, PX, tiny_single
from tests.search.cli.conftest import Run
from tests.search.registered_model import register_model

pytestmark = pytest.mark.slow

URI = "models:/cells@champion"


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> TrackingSettings:
    folder = tmp_path_factory.mktemp("registry")
    settings, _ = register_model(folder, tiny_single(), CLASSES, example_px=PX)
    return settings


def test_an_export_is_told_to_people_and_to_programs(
    run: Run, tracking: TrackingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking.uri)
    answer = run("export", URI, "--format", "keras", "--out", "cells.keras")
    assert answer.code == 0, answer.err
    assert "Wrote models:/cells/1 as keras to " in answer.out
    assert "takes 8-bit RGB images of any size" in answer.out
    assert "Gives probabilities of null, eins, zwei" in answer.out
    assert "On 1 images (input example) a probability differs by at most 0.0e+00" in answer.out
    written = Path("cells.keras").read_bytes()
    refused = run("export", URI, "--format", "keras", "--out", "cells.keras")
    assert refused.code == 2
    assert "cells.keras exists: name another --out, or add --force" in refused.err
    forced = run("export", URI, "--format", "keras", "--out", "cells.keras", "--force", "--json")
    document = json.loads(forced.out)
    assert document["uri"] == "models:/cells/1"
    assert document["n_bytes"] == len(written)
    assert Path("cells.keras").read_bytes() == written


def test_a_model_that_is_not_there_leaves_nothing(
    run: Run, tracking: TrackingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking.uri)
    for uri in ("models:/none@champion", "models:/cells/7", "cells"):
        answer = run("export", uri, "--format", "keras", "--out", "cells.keras")
        assert answer.code == 2
        assert "models:/cells@champion" in answer.err
    assert list(Path().iterdir()) == []
