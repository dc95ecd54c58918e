"""The sweep file: defaults, wrong files, paths, and what may change in a sweep that exists."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from search.sweep_file.sweep_file import (
    SweepFile,
    changes_that_affect_scores,
    check_sweep,
    load_sweep_file,
)
from spaces.errors import InputError

DESIGN = """
sweep: blood-cells
data: {path: training_set.npz, image_px: 96, exclude: audit, holdout: 0.15}
validation: {folds: 5, metric: accuracy, shift: augmix+randaugment, score: robust}
train: {head_epochs: 20, finetune_epochs: 10, finetune_top: 0.25, patience: 3, batch_size: 64}
space: default
recipes: []
search: {sampler: tpe, race: true, burst: 6, seed: 0}
budget: {trials: 40, hours: null, gpu_hours: null}
workers: {engine: local, count: 1, gpus_per_worker: 1}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "cells.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_file_of_the_design_holds_nothing_but_defaults(tmp_path: Path) -> None:
    full = load_sweep_file(write(tmp_path, DESIGN))
    short = write(tmp_path, "sweep: blood-cells\ndata: {path: training_set.npz}")
    assert full == load_sweep_file(short)


def test_a_sweep_without_a_name_is_named_after_its_file(tmp_path: Path) -> None:
    assert load_sweep_file(write(tmp_path, "data: {path: a.npz}")).sweep == "cells"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a: [1, 2", ["cells.yaml is not YAML", "line 1"]),
        ("- a\n- b", ["holds a list", "mapping"]),
        ("just text", ["holds a str"]),
        ("", ["is empty"]),
        ("1: 2", ["mapping of keys"]),
        ("data: {path: a}\ndata: {path: b}", ["'data' stands twice", "line 2"]),
        ("sweep: x", ["data is missing"]),
        ("data: {}", ["data.path is missing"]),
        ("data:", ["data = None"]),
        ("data: a.npz", ["data = 'a.npz'"]),
        ("data: {path: a}\ntrian: {}", ["unknown key 'trian'", "Did you mean 'train'"]),
        (
            "data: {path: a}\ntrain: {head_epoch: 3}",
            ["'train.head_epoch'", "Did you mean 'train.head_epochs'"],
        ),
        ("data: {path: a, imagepx: 3}", ["'data.imagepx'", "'data.image_px'"]),
        ("data: {path: a}\nbudget: {trails: 3}", ["Did you mean 'budget.trials'"]),
        ("data: {path: a}\nbudget: {trials: many}", ["budget.trials = 'many'", "integer"]),
        ("data: {path: a}\nbudget: {trials: 0}", ["budget.trials = 0", "greater than or equal"]),
        ("data: {path: a}\nbudget: {hours: -1}", ["budget.hours = -1"]),
        ("data: {path: a}\nvalidation: {folds: 1}", ["validation.folds = 1", "2"]),
        ("data: {path: a}\nvalidation: {folds: 2.5}", ["validation.folds = 2.5"]),
        (
            "data: {path: a}\nvalidation: {metric: accurcy}",
            ["'accurcy'", "'accuracy'", "'balanced_accuracy'", "'macro_f1'", "'log_loss'"],
        ),
        ("data: {path: a}\nvalidation: {score: best}", ["'robust', 'clean' or 'shifted'"]),
        ("data: {path: a}\nsearch: {sampler: cmaes}", ["'cmaes'", "'tpe' or 'random'"]),
        ("data: {path: a}\nsearch: {pruner: hyper}", ["'hyper'", "'hyperband'"]),
        ("data: {path: a}\nsearch: {race: perhaps}", ["search.race = 'perhaps'", "boolean"]),
        ("data: {path: a}\nsearch: {burst: 0}", ["search.burst = 0"]),
        ("data: {path: a, holdout: 0.9}", ["data.holdout = 0.9", "0.5"]),
        ("data: {path: a, class_names: cells}", ["data.class_names = 'cells'", "list"]),
        ("data: {path: a, class_names: [x, 1]}", ["data.class_names.1 = 1", "string"]),
        ("data: {path: a, image_px: 4}", ["data.image_px = 4", "16"]),
        ("data: {path: a}\nworkers: {engine: slurm}", ["'slurm'", "'local'"]),
        ("data: {path: a}\nworkers: {count: 0}", ["workers.count = 0"]),
        ("data: {path: a}\ntrain: {finetune_top: 0}", ["train.finetune_top = 0"]),
        ("data: {path: a}\ntrain: {batch_size: 0}", ["train.batch_size = 0"]),
        ("data: {path: a}\nspace: 3", ["space = 3"]),
        ("data: {path: a}\nrecipes: plain", ["recipes = 'plain'", "list"]),
        ("data: {path: a}\nobjective: train", ["'train'", "your_module:attribute"]),
        ("data: {path: a}\nsweep: a/b", ["sweep = 'a/b'", "letters"]),
        ("data: {path: a}\nsweep: ..", ["sweep = '..'"]),
        ("data: {path: a}\nsweep: ''", ["sweep = ''"]),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence(
    tmp_path: Path, text: str, parts: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        load_sweep_file(write(tmp_path, text))
    message = str(caught.value)
    assert "cells.yaml" in message
    for part in parts:
        assert part in message
    assert "\n" not in message
    assert "pydantic" not in message


def test_a_file_that_is_not_there_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such file.*foldsweep init"):
        load_sweep_file(tmp_path / "none.yaml")


def test_a_file_of_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cells.yaml"
    path.write_bytes(b"\xff\xfe\x00data")
    with pytest.raises(InputError, match="cannot be read"):
        load_sweep_file(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_sweep_file(tmp_path)


def test_yaml_cannot_make_python_objects(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not YAML"):
        load_sweep_file(write(tmp_path, "data: !!python/object/apply:os.getcwd []"))


def test_numbers_in_scientific_notation_are_numbers(tmp_path: Path) -> None:
    text = "data: {path: a}\nspace: {learning_rate: {low: 1e-4, high: 1e-2}}"
    space = load_sweep_file(write(tmp_path, text)).space
    assert space == {"learning_rate": {"low": 1e-4, "high": 1e-2}}


def test_a_relative_path_starts_at_the_file_or_else_at_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside, here = tmp_path / "files", tmp_path / "here"
    for folder in (beside, here):
        folder.mkdir()
    monkeypatch.chdir(here)
    path = write(beside, "data: {path: set.npz, exclude: rows.txt}")
    (here / "set.npz").touch()
    assert load_sweep_file(path).data.path == here / "set.npz"
    (beside / "set.npz").touch()
    assert load_sweep_file(path).data.path == beside / "set.npz"
    assert load_sweep_file(path).data.exclude == str(beside / "rows.txt")


def test_data_of_the_command_line_takes_the_place_of_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path, "data: {path: set.npz, image_px: 32}")
    file = load_sweep_file(path, data=Path("other.npz"))
    assert (file.data.path, file.data.image_px) == (tmp_path / "other.npz", 32)
    path = write(tmp_path, "sweep: x")
    assert load_sweep_file(path, data=Path("other.npz")).data.path == tmp_path / "other.npz"


def test_a_file_is_the_same_after_it_was_stored_and_read_again(tmp_path: Path) -> None:
    file = load_sweep_file(write(tmp_path, DESIGN))
    assert check_sweep(yaml.safe_load(file.as_written())) == file


@pytest.mark.parametrize(
    ("section", "value", "shown"),
    [
        ("train", {"head_epochs": 10}, "train.head_epochs: 20 -> 10"),
        ("validation", {"folds": 3}, "validation.folds: 5 -> 3"),
        ("search", {"seed": 1}, "search.seed: 0 -> 1"),
        ("search", {"race": False}, "search.race: True -> False"),
        ("data", {"path": "a", "image_px": 64}, "data.image_px: 96 -> 64"),
        ("data", {"path": "a", "class_names": ["x", "y"]}, "data.class_names: None -> ['x', 'y']"),
        ("space", "small", "space: default -> small"),
        ("space", {"policy": "none"}, "space.policy: None -> none"),
        ("objective", "own:objective", "objective:"),
    ],
)
def test_a_change_that_affects_scores_is_named(section: str, value: Any, shown: str) -> None:
    old = check_sweep({"data": {"path": "a"}})
    new = check_sweep({"data": {"path": "a"}} | {section: value})
    assert any(line.startswith(shown) for line in changes_that_affect_scores(old, new))


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ("budget", {"trials": 80, "hours": 2}),
        ("workers", {"count": 3}),
        ("recipes", ["plain"]),
        ("data", {"path": "elsewhere/a"}),
    ],
)
def test_budget_workers_recipes_and_the_place_of_the_data_may_change(
    section: str, value: Any
) -> None:
    old = check_sweep({"data": {"path": "a"}})
    new = check_sweep({"data": {"path": "a"}} | {section: value})
    assert changes_that_affect_scores(old, new) == []


def test_every_section_explains_an_unknown_key() -> None:
    for name, field in SweepFile.model_fields.items():
        content: dict[str, Any] = {"data": {"path": "a"}}
        if not hasattr(field.annotation, "model_fields"):
            continue
        content[name] = {**content.get(name, {}), "nonsense": 1}
        with pytest.raises(InputError, match=rf"unknown key '{name}.nonsense'; known: '?{name}\."):
            check_sweep(content)
