"""The look at the images set aside, by models that answer the same whatever they see."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from bench.cells import generate_cells
from bench.score.candidates import Candidate
from bench.score.opening import open_aside
from tests.bench.score.known_models import save_constant

LABELS = np.repeat([0, 1, 2], [12, 6, 2])


@pytest.fixture(scope="module")
def aside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("aside") / "aside.npz"
    images = generate_cells(len(LABELS), 32).images
    np.savez(path, images=images, labels=LABELS, groups=np.arange(len(LABELS)), n_classes=3)
    return path


def test_a_model_that_always_says_one_class_has_its_rate_in_every_view(
    aside: Path, tmp_path: Path
) -> None:
    models = [save_constant(tmp_path / "1.keras", [0.1, 0.8, 0.1])]
    found = open_aside([_candidate(models)], aside, tmp_path, tmp_path / "looks")
    rate = accuracy_score(LABELS, np.ones_like(LABELS))
    scores = found["over_time"][0]["scores"]
    assert {view: one["score"] for view, one in scores.items()} == pytest.approx(
        dict.fromkeys(("clean", "shifted", "corrupted", "robust"), rate)
    )
    assert all(one["low"] < rate < one["high"] for one in scores.values())


def test_several_files_of_a_candidate_answer_together(aside: Path, tmp_path: Path) -> None:
    models = [
        save_constant(tmp_path / "0.keras", [0.9, 0.1, 0.0001]),
        save_constant(tmp_path / "1.keras", [0.4, 0.6, 0.0001]),
    ]
    candidates = [_candidate(models), _candidate(models[1:])]
    found = open_aside(candidates, aside, tmp_path, tmp_path / "looks")
    together, second = (one["scores"]["clean"]["score"] for one in found["over_time"])
    assert together == pytest.approx(accuracy_score(LABELS, np.zeros_like(LABELS)))
    assert second == pytest.approx(accuracy_score(LABELS, np.ones_like(LABELS)))


def test_the_document_says_how_often_the_images_were_opened_and_for_how_many_models(
    aside: Path, tmp_path: Path
) -> None:
    model = [save_constant(tmp_path / "model.keras", [0.1, 0.8, 0.1])]
    candidates = [_candidate(model), _candidate(model)]
    looks = tmp_path / "looks"
    open_aside(candidates, aside, tmp_path, looks)
    found = open_aside(candidates, aside, tmp_path, looks)
    assert found["set_aside"] == {"images": 20, "groups": 20, "looks": 2, "models": 1}
    lines = [json.loads(line) for line in looks.read_text().splitlines()]
    assert [line["models"] for line in lines] == [1, 1]
    assert json.loads(json.dumps(found)) == found


def test_a_look_that_was_interrupted_goes_on_and_is_one_look(aside: Path, tmp_path: Path) -> None:
    first = save_constant(tmp_path / "first.keras", [0.1, 0.8, 0.1])
    second = tmp_path / "second.keras"
    candidates, looks = [_candidate([first]), _candidate([str(second)])], tmp_path / "looks"
    with pytest.raises(ValueError, match=r"second\.keras"):
        open_aside(candidates, aside, tmp_path, looks)
    # What was measured is not asked again.
    Path(first).unlink()
    save_constant(second, [0.9, 0.1, 0.0001])
    found = open_aside(candidates, aside, tmp_path, looks)
    scores = [one["scores"]["clean"]["score"] for one in found["over_time"]]
    expected = [accuracy_score(LABELS, np.full_like(LABELS, answer)) for answer in (1, 0)]
    assert scores == pytest.approx(expected)
    assert (found["set_aside"]["looks"], len(looks.read_text().splitlines())) == (1, 1)


def _candidate(files: list[str]) -> Candidate:
    return Candidate("plain", "folds", 0, 1.0, 60.0, tuple(files))
