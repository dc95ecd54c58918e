import csv
import json
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest

from bench.disturbances.small_disk import SmallDisk
from search.prediction.predict import Prediction
from search.prediction.writing import check_writable, lines_file, writer
from spaces.errors import DiskFullError, InputError

CLASSES = ("a", 'b, "c"', "class")
ANSWERED: Prediction = {
    "path": "x, y.png",
    "class": "class",
    "probability": 0.7,
    "probabilities": {"a": 0.1, 'b, "c"': 0.2, "class": 0.7},
    "error": None,
    "explanation": "why/0.png",
}
UNREAD: Prediction = {
    "path": "broken\nname.png",
    "class": None,
    "probability": None,
    "probabilities": {},
    "error": "no picture",
    "explanation": None,
}


def test_csv_has_a_column_of_each_class_whatever_it_is_called(tmp_path: Path) -> None:
    with lines_file(tmp_path / "a.csv", "csv", CLASSES) as write:
        write(ANSWERED)
        write(UNREAD)
    table = pd.read_csv(tmp_path / "a.csv")
    assert list(table.columns) == [
        "path",
        "class",
        "probability",
        "error",
        "explanation",
        *(f"probability_{name}" for name in CLASSES),
    ]
    assert table["path"].tolist() == ["x, y.png", "broken\nname.png"]
    assert table['probability_b, "c"'].tolist()[0] == 0.2
    assert table["class"].isna().tolist() == [False, True]
    assert table["error"].tolist()[1] == "no picture"


def test_json_lines_are_the_predictions_one_a_line(tmp_path: Path) -> None:
    with lines_file(tmp_path / "a.jsonl", "jsonl", CLASSES) as write:
        write(ANSWERED)
        write(UNREAD)
    lines = (tmp_path / "a.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [ANSWERED, UNREAD]


def test_without_any_prediction_csv_has_its_header() -> None:
    text = StringIO()
    writer(text, "csv", CLASSES)
    (header,) = csv.reader(StringIO(text.getvalue()))
    assert header[-1] == "probability_class"


def test_a_file_takes_its_name_when_all_is_written_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("before")

    def stop() -> None:
        with lines_file(path, "csv", CLASSES) as write:
            write(ANSWERED)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_told_and_leaves_no_half_of_a_file(small_disk: SmallDisk) -> None:
    path = small_disk.folder / "a.jsonl"

    def fill() -> None:
        with lines_file(path, "jsonl", CLASSES) as write:
            for _ in range(20_000):
                write(ANSWERED)

    with pytest.raises(DiskFullError, match="disk is full"):
        fill()
    assert list(small_disk.folder.iterdir()) == []


def test_a_place_where_no_file_can_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it is a folder"):
        check_writable(tmp_path)
    with pytest.raises(InputError, match="its folder does not exist"):
        check_writable(tmp_path / "none" / "a.csv")
    check_writable(tmp_path / "a.csv")
