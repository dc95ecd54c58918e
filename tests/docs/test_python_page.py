import ast
from pathlib import Path

import pandas as pd
import pytest
import yaml

from search.prediction.predict import predict
from search.sweep import Sweep
from tests.docs.pages import ROOT, code_blocks, table_rows
from tests.search.cli.conftest import write_images

PAGE = (ROOT / "docs" / "python.md").read_text("utf-8")
FIRST, SHOWING, LOOKING, PREDICTING = code_blocks(PAGE, "python")


@pytest.mark.slow
def test_the_first_example_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("FOLDSWEEP_STORAGE_URL", "MLFLOW_TRACKING_URI", "FOLDSWEEP_STORE_GB"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FOLDSWEEP_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    write_images(Path("digits.npz"), [0, 1, 2] * 10)
    content = {
        "sweep": "digits",
        "data": {"path": "digits.npz", "image_px": 32, "holdout": 0.2},
        "validation": {"folds": 2, "shift": "none"},
        "train": {"head_epochs": 1, "finetune_epochs": 0},
        "space": {"base": "small", "backbone": "small_cnn"},
        # The example is about the calls; an objective of milliseconds stands for the training.
        "objective": "tests.search.tiny_objective:score",
        "budget": {"trials": 2},
    }
    Path("digits.yaml").write_text(yaml.safe_dump(content), "utf-8")
    names: dict[str, object] = {}
    exec(compile(FIRST, "docs/python.md", "exec"), names)
    sweep = names["sweep"]
    assert isinstance(sweep, Sweep)
    trials = sweep.trials()
    assert isinstance(trials, pd.DataFrame)
    assert len(trials) == 2
    assert sweep.trial(0).params["optimizer"] == "adamw"
    assert capsys.readouterr().out.startswith("done ")
    exec(compile(SHOWING, "docs/python.md", "exec"), names)
    assert "digits: 2 of 2 trials done" in capsys.readouterr().out
    exec(compile(LOOKING, "docs/python.md", "exec"), names)
    answers = names["answers"]
    assert isinstance(answers, pd.DataFrame)
    assert {"predicted", "params.optimizer"} <= set(answers)
    assert "plotly" in Path("confusion.html").read_text("utf-8")


def test_every_call_in_the_table_exists_with_the_arguments_that_it_names() -> None:
    import inspect

    for cells in table_rows(PAGE):
        call = ast.parse(cells[0].strip("`"), mode="eval").body
        if isinstance(call, ast.Attribute):
            assert isinstance(getattr(Sweep, call.attr), property)
            continue
        assert isinstance(call, ast.Call)
        assert isinstance(call.func, ast.Attribute)
        parameters = inspect.signature(getattr(Sweep, call.func.attr)).parameters
        named = [keyword.arg for keyword in call.keywords]
        named += [argument.id for argument in call.args if isinstance(argument, ast.Name)]
        assert [name for name in named if name not in parameters] == []


def test_the_keys_that_the_predicting_example_reads_are_those_of_a_prediction() -> None:
    read = {
        node.slice.value
        for node in ast.walk(ast.parse(PREDICTING))
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant)
    }
    assert read <= predict.__annotations__["return"].__args__[0].__annotations__.keys()
