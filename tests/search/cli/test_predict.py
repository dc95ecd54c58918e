import json
from pathlib import Path

import keras
import pandas as pd
import pytest
from PIL import Image

from mlruns_config.settings import TrackingSettings
from tests.search.cli.conftest import Run
from tests.search.registered_model import register_model

pytestmark = pytest.mark.slow

URI = "models:/colours@champion"
COLOURS = {"red": (230, 10, 20), "green": (5, 220, 40), "blue": (15, 0, 240)}


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> TrackingSettings:
    """A registry whose champion names the strongest of an image's channels."""
    images = keras.Input((None, None, 3), dtype="uint8", name="images")
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 25)(images))
    model = keras.Model(images, keras.layers.Softmax(dtype="float32")(x))
    folder = tmp_path_factory.mktemp("registry")
    settings, _ = register_model(folder, model, tuple(COLOURS), name="colours")
    return settings


@pytest.fixture
def predicting(run: Run, tracking: TrackingSettings, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Pictures in ``in``, one of which is none, and a registry."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking.uri)
    Path("in/deep").mkdir(parents=True)
    Image.new("RGB", (20, 30), COLOURS["green"]).save("in/a.png")
    Image.new("RGB", (7, 9), COLOURS["blue"]).save("in/deep/b.png")
    Path("in/broken.png").write_bytes(b"no picture")
    return run


def test_answers_are_written_as_csv_and_what_is_unreadable_is_listed(predicting: Run) -> None:
    answer = predicting("predict", URI, "in", "--out", "answers.csv")
    assert answer.code == 2
    assert answer.out == "Wrote the answers for 2 images to answers.csv\n"
    assert "in/broken.png: in/broken.png cannot be decoded" in answer.err
    assert "1 of 3 images cannot be read" in answer.err
    table = pd.read_csv("answers.csv")
    assert table["path"].tolist() == ["in/a.png", "in/broken.png", "in/deep/b.png"]
    assert table["class"].fillna("").tolist() == ["green", "", "blue"]
    assert table["probability_blue"][2] == table["probability"][2] > 0.99


def test_answers_are_written_as_json_lines_and_summed_up(predicting: Run) -> None:
    Path("in/broken.png").unlink()
    answer = predicting("predict", URI, "in", "--out", "answers.jsonl", "--json")
    assert answer.code == 0
    assert json.loads(answer.out) == {
        "out": "answers.jsonl",
        "format": "jsonl",
        "images": 2,
        "unread": [],
    }
    lines = [json.loads(line) for line in Path("answers.jsonl").read_text().splitlines()]
    assert lines == json.loads(predicting("predict", URI, "in", "--json").out)
    assert [line["class"] for line in lines] == ["green", "blue"]


def test_lines_are_printed_where_no_file_is_named(predicting: Run) -> None:
    answer = predicting("predict", URI, "in", "--format", "csv")
    assert answer.code == 2
    header, *rows = answer.out.splitlines()
    assert header.startswith("path,class,probability,error,explanation,probability_red")
    assert [row.split(",")[0] for row in rows] == ["in/a.png", "in/broken.png", "in/deep/b.png"]


def test_a_picture_of_each_image_is_written_where_it_was_asked_for(predicting: Run) -> None:
    answer = predicting("predict", URI, "in", "--explain", "why", "--json")
    shown = [entry["explanation"] for entry in json.loads(answer.out)]
    assert shown == ["why/000000-a.png", None, "why/000001-b.png"]
    assert sorted(path.name for path in Path("why").iterdir()) == ["000000-a.png", "000001-b.png"]
    again = predicting("predict", URI, "in", "--explain", "why")
    assert again.code == 2
    assert "why is not an empty folder" in again.err
    inside = predicting("predict", URI, "in", "--explain", "in/why")
    assert inside.code == 2
    assert not Path("in/why").exists()
