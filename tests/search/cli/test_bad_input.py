"""Wrong input through the real command line: one sentence, exit 2, and nothing half-made."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from sqlalchemy import create_engine, inspect, text

from tests.search.cli.conftest import Answer, Run, write_images

PASSWORD = "hunter2-is-secret"
LABELS = [0, 1, 2] * 8


def good_sweep(**changes: Any) -> dict[str, Any]:
    """A sweep that would be launched."""
    content: dict[str, Any] = {
        "sweep": "cells",
        "data": {"path": "cells.npz", "image_px": 32, "exclude": "none", "holdout": 0.0},
        "validation": {"folds": 2, "shift": "none"},
        "train": {"head_epochs": 1, "finetune_epochs": 0},
        "space": {"base": "small", "backbone": "small_cnn", "policy": "none"},
        "budget": {"trials": 1},
    }
    for path, value in changes.items():
        section = content
        *parents, name = path.split("__")
        for parent in parents:
            section = section.setdefault(parent, {})
        section[name] = value
    return content


@dataclass(frozen=True)
class Case:
    """A wrong sweep, and words that its sentence must have."""

    says: tuple[str, ...]
    changes: Mapping[str, Any] = field(default_factory=dict)
    text: str | bytes | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], object] | None = None


def check(answer: Answer, says: tuple[str, ...]) -> None:
    """Hold an answer to what every wrong input gets: one sentence and exit 2."""
    assert answer.code == 2, answer.err
    assert answer.out == ""
    assert "Traceback" not in answer.err
    sentences = [line for line in answer.err.splitlines() if line.startswith("Error: ")]
    assert len(sentences) == 1, answer.err
    assert PASSWORD not in answer.err
    for words in says:
        assert words in sentences[0]


def check_nothing_was_made(home: Path) -> None:
    """Look for a sweep in folder, storage, study and experiments."""
    assert [path.name for path in (home / "sweeps").glob("*") if path.suffix != ".lock"] == []
    for database, tables in {
        "foldsweep.db": ("foldsweep_sweeps", "foldsweep_slots", "studies"),
        "mlflow.db": ("experiments",),
    }.items():
        if (home / database).exists():
            engine = create_engine(f"sqlite:///{home / database}")
            with engine.connect() as connection:
                present = [table for table in tables if inspect(engine).has_table(table)]
                rows = [
                    str(row)
                    for table in present
                    for row in connection.execute(text(f"SELECT * FROM {table}"))
                    if "Default" not in str(row)
                ]
            engine.dispose()
            assert rows == [], (database, rows)


FILES = {
    "an empty file": Case(("is empty",), text=""),
    "a list": Case(("holds a list",), text="- a\n- b\n"),
    "no YAML": Case(("is not YAML",), text="data: [1, 2\nspace: x"),
    "bytes that are no text": Case(("cannot be read",), text=b"\xff\xfe\x00data"),
    "a key twice": Case(("'sweep' stands twice",), text="sweep: a\nsweep: b\n"),
    "no data path": Case(("data", "missing"), text="sweep: cells\n"),
    "a section that is a word": Case(("data",), text="data: cells.npz\n"),
    "an unknown key": Case(("unknown key 'validatoin'", "validation"), {"validatoin": {}}),
    "an unknown nested key": Case(("'budget.trails'", "budget.trials"), {"budget__trails": 3}),
    "too few folds": Case(("validation.folds", "1"), {"validation__folds": 1}),
    "too large a holdout": Case(("data.holdout", "0.9"), {"data__holdout": 0.9}),
    "a word for a number": Case(("budget.trials", "'many'"), {"budget__trials": "many"}),
    "no trials": Case(("budget.trials", "0"), {"budget__trials": 0}),
    "an unknown metric": Case(
        ("validation.metric", "'acuracy'"), {"validation__metric": "acuracy"}
    ),
    "an unknown sampler": Case(("search.sampler", "'tpee'", "'tpe'"), {"search__sampler": "tpee"}),
    "an unknown engine": Case(("workers.engine", "'slurm'"), {"workers__engine": "slurm"}),
    "a name that leaves its folder": Case(("sweep", "'../x'"), {"sweep": "../x"}),
    "no stage": Case(("head_epochs", "finetune_epochs"), {"train__head_epochs": 0}),
    "an unknown space": Case(("unknown space 'smal'", "small"), {"space": "smal"}),
    "an unknown backbone": Case(
        ("unknown backbone 'mobilnet_0.25'", "mobilenet_0.25"), {"space__backbone": "mobilnet_0.25"}
    ),
    "an unknown dimension": Case(("'optimiser'", "optimizer"), {"space__optimiser": "adamw"}),
    "an unknown optimizer": Case(("'adam'",), {"space__optimizer": "adam"}),
    "a range upside down": Case(("dropout",), {"space__dropout": {"low": 0.5, "high": 0.1}}),
    "an unknown policy": Case(("'augmax'", "augmix"), {"space__policy": "augmax"}),
    "an unknown shift": Case(("'augmixx'", "augmix"), {"validation__shift": "augmixx"}),
    "an unknown recipe": Case(("unknown recipe 'plane'", "plain"), {"recipes": ["plane"]}),
    "a recipe with an unknown parameter": Case(("'lr'",), {"recipes": [{"lr": 0.1}]}),
    "a recipe outside of its range": Case(("dropout",), {"recipes": [{"dropout": 1.5}]}),
    "a recipe with a value that no trial has": Case(
        ("momentum", "optimizer"), {"recipes": [{"optimizer": "adamw", "momentum": 0.95}]}
    ),
    "an objective that is no reference": Case(("objective", "'mine'"), {"objective": "mine"}),
    "an objective that is not there": Case(("nowhere",), {"objective": "nowhere:mine"}),
    "an objective without the attribute": Case(("mine",), {"objective": "json:mine"}),
    "data that is not there": Case(("no", "none.npz"), {"data__path": "none.npz"}),
    "an exclude file that is not there": Case(("data.exclude",), {"data__exclude": "none.txt"}),
    "a weights file that is not there": Case(
        ("none.h5",), {"space__backbone": "mobilenet_0.25", "space__weights": "none.h5"}
    ),
    "images too small for the backbone": Case(
        ("xception", "71"), {"space__backbone": "xception", "space__weights": "none"}
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_wrong_sweep_file_makes_nothing(name: str, run: Run, home: Path) -> None:
    case = FILES[name]
    write_images(Path("cells.npz"), LABELS)
    file = Path("cells.yaml")
    content = yaml.safe_dump(good_sweep(**case.changes)) if case.text is None else case.text
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    check(run("launch", file), case.says)
    assert not home.exists()


def test_weights_that_cannot_be_downloaded_are_named_with_their_place(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_images(Path("cells.npz"), LABELS)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # Nothing listens there.
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    space = {"base": "small", "backbone": "mobilenet_0.25"}
    Path("cells.yaml").write_text(yaml.safe_dump(good_sweep(space=space)), "utf-8")
    check(run("launch", "cells.yaml"), ("mobilenet_2_5_", "tf_no_top.h5", str(tmp_path / "keras")))
    assert not home.exists()


def _objects(path: str) -> None:
    labels = np.array([{"a": 1}] * len(LABELS), dtype=object)
    np.savez(path, images=np.zeros((len(LABELS), 8, 8, 3), np.uint8), labels=labels)


def _truncated(path: str) -> None:
    file = write_images(Path(path), LABELS)
    file.write_bytes(file.read_bytes()[:5000])


def _class_folders(**counts: int) -> None:
    from PIL import Image

    for name, count in counts.items():
        folder = Path("folder") / name
        folder.mkdir(parents=True)
        for index in range(count):
            pixels = np.random.default_rng(hash(name) % 99 + index).integers(0, 256, (40, 40, 3))
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{index}.png")


DATA: dict[str, Case] = {
    "no labels": Case(
        ("labels",), prepare=lambda: np.savez("cells.npz", images=np.zeros((9, 8, 8), np.uint8))
    ),
    "no images": Case(("images",), prepare=lambda: np.savez("cells.npz", labels=np.zeros(9, int))),
    "pickled objects": Case(("cells.npz",), prepare=lambda: _objects("cells.npz")),
    "a truncated file": Case(("cells.npz",), prepare=lambda: _truncated("cells.npz")),
    "text under the name of an array": Case(
        ("cells.npz",), prepare=lambda: Path("cells.npz").write_text("hello")
    ),
    "more labels than images": Case(
        ("labels",),
        prepare=lambda: write_images(Path("cells.npz"), LABELS, labels=np.zeros(99, int)),
    ),
    "labels that are fractions": Case(
        ("labels",),
        prepare=lambda: write_images(Path("cells.npz"), LABELS, labels=np.full(len(LABELS), 0.5)),
    ),
    "images of the wrong shape": Case(
        ("images",),
        prepare=lambda: write_images(
            Path("cells.npz"), LABELS, images=np.zeros((len(LABELS), 8), np.uint8)
        ),
    ),
    "one class only": Case(("class",), prepare=lambda: write_images(Path("cells.npz"), [0] * 24)),
    "a class with fewer images than folds": Case(
        ("fold",), prepare=lambda: write_images(Path("cells.npz"), [*LABELS, 3])
    ),
    "rows to exclude that do not exist": Case(
        ("9999",),
        {"data__exclude": "rows.txt"},
        prepare=lambda: (write_images(Path("cells.npz"), LABELS), _write("rows.txt", "1\n9999\n")),
    ),
    "rows to exclude that are no numbers": Case(
        ("one",),
        {"data__exclude": "rows.txt"},
        prepare=lambda: (write_images(Path("cells.npz"), LABELS), _write("rows.txt", "one\n")),
    ),
    "fewer names than classes": Case(
        ("data.class_names", "2 names", "'0', '1', '2'"),
        {"data__class_names": ["a", "b"]},
        prepare=lambda: write_images(Path("cells.npz"), LABELS),
    ),
    "a name on two lines": Case(
        ("data.class_names", "'a\\nb'", "control characters"),
        {"data__class_names": ["a\nb", "c", "d"]},
        prepare=lambda: write_images(Path("cells.npz"), LABELS),
    ),
    "a class folder whose name is not UTF-8": Case(
        ("UTF-8", "'caf\\udce9'"),
        {"data__path": "folder"},
        prepare=lambda: _class_folders(**{"a": 5, os.fsdecode(b"caf\xe9"): 5}),
    ),
    "images for which the store is too small": Case(
        ("24 images of 32 x 32 pixels", "FOLDSWEEP_STORE_GB"),
        environment={"FOLDSWEEP_STORE_GB": "0.00001"},
        prepare=lambda: write_images(Path("cells.npz"), LABELS),
    ),
    "an empty folder": Case(
        ("folder",), {"data__path": "folder"}, prepare=lambda: Path("folder").mkdir()
    ),
    "a folder with a class too small": Case(
        ("fold",), {"data__path": "folder"}, prepare=lambda: _class_folders(a=5, b=5, c=1)
    ),
    "a table without labels": Case(
        ("label",), {"data__path": "t.csv"}, prepare=lambda: _write("t.csv", "path\na.png\n")
    ),
    "a table of files that are not there": Case(
        ("a.png",),
        {"data__path": "t.csv"},
        prepare=lambda: _write("t.csv", "path,label\na.png,x\n"),
    ),
    "a kind of file that is not known": Case(
        ("cells.txt",), {"data__path": "cells.txt"}, prepare=lambda: _write("cells.txt", "hello")
    ),
}


def _write(path: str, content: str) -> Path:
    Path(path).write_text(content, "utf-8")
    return Path(path)


@pytest.fixture(scope="module")
def lasting_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for all data: MLflow takes seconds to make its tables, and none leaves a trace."""
    return tmp_path_factory.mktemp("lasting") / "home"


@pytest.mark.slow
@pytest.mark.parametrize("name", DATA)
def test_wrong_data_makes_no_sweep(
    name: str, run: Run, lasting_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOLDSWEEP_HOME", str(lasting_home))
    case = DATA[name]
    for variable, value in case.environment.items():
        monkeypatch.setenv(variable, value)
    assert case.prepare is not None
    case.prepare()
    Path("cells.yaml").write_text(yaml.safe_dump(good_sweep(**case.changes)), "utf-8")
    check(run("launch", "cells.yaml"), case.says)
    check_nothing_was_made(lasting_home)


ENVIRONMENTS = {
    "a database that refuses": Case(
        ("127.0.0.1", "does not answer"),
        environment={"FOLDSWEEP_STORAGE_URL": f"postgresql://me:{PASSWORD}@127.0.0.1:9/foldsweep"},
    ),
    "a database of another kind": Case(
        ("not supported", "postgresql"),
        environment={"FOLDSWEEP_STORAGE_URL": f"mysql://me:{PASSWORD}@127.0.0.1:9/foldsweep"},
    ),
    "a database in no URL": Case(
        ("FOLDSWEEP_STORAGE_URL",), environment={"FOLDSWEEP_STORAGE_URL": "my database"}
    ),
    "an MLflow server that refuses": Case(
        ("127.0.0.1",),
        environment={"MLFLOW_TRACKING_URI": f"http://me:{PASSWORD}@127.0.0.1:9"},
    ),
    "an MLflow of another kind": Case(
        ("MLFLOW_TRACKING_URI",),
        environment={"MLFLOW_TRACKING_URI": f"ftp://me:{PASSWORD}@127.0.0.1/mlflow"},
    ),
    "a cap that is no number": Case(
        ("FOLDSWEEP_STORE_GB", "'lots'"), environment={"FOLDSWEEP_STORE_GB": "lots"}
    ),
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_wrong_environment_makes_no_sweep(
    name: str, run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = ENVIRONMENTS[name]
    for variable, value in case.environment.items():
        monkeypatch.setenv(variable, value)
    write_images(Path("cells.npz"), LABELS)
    Path("cells.yaml").write_text(yaml.safe_dump(good_sweep()), "utf-8")
    check(run("launch", "cells.yaml"), case.says)
    check_nothing_was_made(home)


def test_a_home_that_is_a_file_is_refused(run: Run, home: Path) -> None:
    home.write_text("not a folder")
    write_images(Path("cells.npz"), LABELS)
    Path("cells.yaml").write_text(yaml.safe_dump(good_sweep()), "utf-8")
    check(run("launch", "cells.yaml"), (str(home),))
    assert home.read_text() == "not a folder"


COMMANDS = {
    "launch of a file that is not there": (("launch", "none.yaml"), ("none.yaml", "init")),
    "launch with two paths of data": (
        ("launch", "a.yaml", "a.npz", "--data", "b.npz"),
        ("a.npz", "b.npz"),
    ),
    "worker of a file that is not there": (("worker", "none.yaml"), ("none.yaml",)),
    "status of an unknown sweep": (("status", "none"), ("'none'",)),
    "watching nothing": (("status", "--watch"), ("--watch",)),
    "watching by a time alone": (("status", "--watch", "5"), ("needs the name of a sweep",)),
    "watching without a pause": (("status", "cells", "--watch", "0"), ("--watch 0", "0.1 to 3600")),
    "watching by no time": (("status", "cells", "--watch", "often"), ("--watch often", "seconds")),
    "show of an unknown sweep": (("show", "none", "0"), ("'none'",)),
    "show of a trial that is no number": (("show", "none", "best"), ("best",)),
    "promote of an unknown sweep": (("promote", "none"), ("'none'",)),
    "audit of nothing": (("audit", "none.npz"), ("none.npz",)),
    "predict without an image": (("predict", "models:/none@champion"), ("PATH",)),
    "predict for an image that is not there": (
        ("predict", "models:/none@champion", "none.png"),
        ("none.png",),
    ),
    "predict into a file of no known kind": (
        ("predict", "models:/none@champion", "none.png", "--out", "answers.txt"),
        ("'answers.txt' is none of .csv and .jsonl", "--format"),
    ),
    "predict with two things to print": (
        ("predict", "models:/none@champion", "none.png", "--json", "--format", "csv"),
        ("--json", "--format", "--out"),
    ),
    "predict into a folder that is not there": (
        ("predict", "models:/none@champion", "none.png", "--out", "none/answers.csv"),
        ("none/answers.csv", "its folder does not exist"),
    ),
    "serve without a home": (("serve", "models:/none@champion"), ("FOLDSWEEP_HOME",)),
    "serve on an address of another machine": (
        ("serve", "models:/none@champion", "--host", "192.0.2.1"),
        ("192.0.2.1", "no address of this machine"),
    ),
    "export without a home": (
        ("export", "models:/none@champion", "--format", "keras", "--out", "cells.keras"),
        ("FOLDSWEEP_HOME",),
    ),
    "export without a format": (
        ("export", "models:/none@champion", "--out", "cells.keras"),
        ("--format", "saved_model"),
    ),
    "export to a format that is not known": (
        ("export", "models:/none@champion", "--format", "onx", "--out", "cells.onnx"),
        ("'onx'", "tflite"),
    ),
    "export to a file of another format": (
        ("export", "models:/none@champion", "--format", "keras", "--out", "cells.h5"),
        ("cells.h5 must end in .keras",),
    ),
    "export to nowhere": (("export", "models:/none@champion", "--format", "keras"), ("--out",)),
    "export checked on images that are not there": (
        ("export", "a", "--format", "keras", "--out", "a.keras", "--images", "none.png"),
        ("none.png",),
    ),
    "ui without a home": (("ui",), ("FOLDSWEEP_HOME",)),
    "models without a home": (("models",), ("FOLDSWEEP_HOME",)),
    "the history of no model": (("models", "--history"), ("name it",)),
    "compare without a home": (("compare", "cells", "1", "2"), ("FOLDSWEEP_HOME",)),
    "compare with one version": (("compare", "cells", "1"), ("V2",)),
    "rollback without a home": (("rollback", "cells", "--reason", "worse"), ("FOLDSWEEP_HOME",)),
    "rollback without a reason": (("rollback", "cells"), ("--reason",)),
    "rollback to no version": (
        ("rollback", "cells", "--reason", "worse", "--to", "first"),
        ("--to", "'first'"),
    ),
    "promote as something else": (("promote", "cells", "--as", "king"), ("'king'", "challenger")),
    "an unknown option": (("launch", "a.yaml", "--jsno"), ("--json",)),
    "init into a folder that is not there": (("init", "none/a.yaml"), ("none",)),
    "init with data of bytes that are no text": (("init", "--data", "\udcff"), ("--data", "UTF-8")),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_wrong_command_line_makes_nothing(name: str, run: Run, home: Path) -> None:
    arguments, says = COMMANDS[name]
    check(run(*arguments), says)
    assert not home.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("models",),
        ("models", "cells", "--history"),
        ("compare", "cells", "1", "2"),
        ("rollback", "cells", "--reason", "worse"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_registry_that_does_not_answer_is_named_without_its_password(
    arguments: tuple[str, ...], run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:{PASSWORD}@127.0.0.1:9")
    check(run(*arguments), ("127.0.0.1:9", "does not answer"))
    assert not home.exists()


def test_init_keeps_a_file_that_exists_unless_forced(run: Run) -> None:
    Path("cells.yaml").write_text("mine")
    check(run("init", "cells.yaml"), ("exists", "--force"))
    assert Path("cells.yaml").read_text() == "mine"
    assert run("init", "cells.yaml", "--force", "--data", "c.npz").code == 0
    assert re.search(r'^  path: "c.npz"$', Path("cells.yaml").read_text(), re.MULTILINE)
