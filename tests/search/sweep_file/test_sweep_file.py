"""The sweep file: defaults, wrong files, paths, and what may change in a sweep that exists."""

import contextlib
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from search.sweep_file.sweep_file import (
    SweepFile,
    changes_that_affect_scores,
    check_sweep,
    load_sweep_file,
)
from search.sweep_file.yaml_reading import parse_yaml
from spaces.errors import InputError

DESIGN = """
sweep: blood-cells
data: {path: training_set.npz, image_px: 96, exclude: audit, holdout: 0.15}
validation: {folds: 5, metric: accuracy, shift: augmix+randaugment, score: robust}
train: {head_epochs: 40, views: 20, finetune_epochs: 10, finetune_top: 0.25, patience: 5,
  batch_size: 64}
space: auto
recipes: []
search: {sampler: tpe, pruner: percentile, burst: 3, seed: 0}
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
        ("data: {path: a}\nspace: {policy: augmux}", ["space = {", "'augmux'", "augmix"]),
        ("data: {path: a}\nspace: {policy: [[flip: 0.5]]}", ["strength '0.5' of flip"]),
        ("data: {path: a}\nvalidation: {shift: augmux}", ["validation.shift = 'augmux'", "augmix"]),
        ("data: {path: a}\nrecipes: plain", ["recipes = 'plain'", "list"]),
        ("data: {path: a}\nobjective: train", ["'train'", "your_module:attribute"]),
        ("data: {path: a}\nsweep: a/b", ["sweep = 'a/b'", "letters"]),
        ("data: {path: a}\nsweep: ..", ["sweep = '..'"]),
        ("data: {path: a}\nsweep: ''", ["sweep = ''"]),
        ("data: {path: a}\nsweep: .", ["sweep = '.'"]),
        ("data: {path: a}\nsweep: -x", ["sweep = '-x'"]),
        ("data: {path: a}\nsweep: zoo.", ["sweep = 'zoo.'", "not end with a dot"]),
        ("data: {path: a}\nsweep: größe", ["sweep = 'größe'", "letters of ASCII"]),
        ('data: {path: a}\nsweep: "zoo\\n"', ["sweep = 'zoo\\n'"]),
        ('data: {path: a}\nsweep: "zoo\\0"', ["sweep = 'zoo\\x00'", "no text"]),
        ('data: {path: "a\\ud800"}', ["data.path = 'a\\ud800'", "no text in UTF-8"]),
        ("data: {path: ~nobody-of-that-name/a}", ["data.path", "home directory"]),
        (f"data: {{path: {'a' * 300}}}", ["data.path", "name too long"]),
        (f"data: {{path: a, exclude: {'a' * 300}}}", ["data.exclude", "name too long"]),
        ("data: {path: a}\nbudget: {hours: .inf}", ["budget.hours = inf", "finite"]),
        ("data: {path: a, holdout: .nan}", ["data.holdout = nan", "finite"]),
        (f"data: {{path: a}}\nbudget: {{trials: 1{'0' * 400}}}", ["budget.trials", "19 digits"]),
        (f"data: {{path: a}}\nbudget: {{trials: 1{'0' * 5000}}}", ["4300 digits"]),
        ("data: {path: a}\nbudget: {trials: 1000000000}", ["budget.trials", "100000"]),
        (f"data: {{path: a}}\nsearch: {{seed: 1{'0' * 15}}}", ["search.seed", "less than"]),
        ("data: {path: a}\nspace: {dropout: {low: 0, high: .inf}}", ["space.dropout.high = inf"]),
        ("data: {path: a}\nspace: {dropout: {1: 0}}", ["1 is no key"]),
        ("data: {path: a}\nrecipes: [{dropout: .nan}]", ["recipes.0.dropout = nan"]),
        ("data: {path: a}\nsearch: {seed: !!int many}", ["not of its kind", "many"]),
        ("data: {path: a}\nsearch: {seed: !!bool many}", ["not of its kind", "many"]),
        ("data: {path: !!timestamp 2024-13-45}", ["not YAML", "tag"]),
        ("data: {path: a}\nbudget: {trials: 2024-13-45}", ["budget.trials = '2024-13-45'"]),
        (f"data: {{path: a}}\nobjective: {'a' * 9999}", ["objective = 'aaa", "aaa... will"]),
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


BOMBS = {
    "aliases of aliases": "a0: &a0 [x, x]\n"
    + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30)),
    "merges of merges": "a0: &a0 {x0: 1}\n"
    + "".join(
        f"a{i}: &a{i} {{<<: [{','.join([f'*a{i - 1}'] * 9)}], x{i}: 1}}\n" for i in range(1, 30)
    ),
    "a chain of aliases": "a0: &a0 [x]\n"
    + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 5000)),
    "brackets": "a: " + "[" * 5000 + "]" * 5000,
    "brackets that stay open": "a: " + "[" * 5000,
    "braces": "a: " + "{a: " * 5000,
    "keys": "? " * 5000,
    "a list in itself": "a: &a [*a]",
    "a mapping in itself": "&a {a: *a}",
    "a long list": "a: [" + "1," * 400_000 + "1]",
    "a long text": "a: " + "x" * 2_000_000,
}


@pytest.mark.slow
@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_a_file_that_blows_up_is_refused_before_it_does(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"levels|holds itself|megabyte") as caught:
            load_sweep_file(path)
        assert tracemalloc.get_traced_memory()[1] < 200e6
    finally:
        tracemalloc.stop()
    assert len(str(caught.value)) < 1000


def test_a_mapping_in_itself_is_refused_in_code_too() -> None:
    content: dict[str, Any] = {"data": {"path": "a"}, "space": {}}
    content["space"]["dropout"] = content["space"]
    with pytest.raises(InputError, match=r"space\.dropout\.dropout is nested too deep"):
        check_sweep(content)


def test_anchors_and_merge_keys_are_written_out(tmp_path: Path) -> None:
    text = (
        "data: {path: a}\nspace: {base: small, dropout: &range {low: 0, high: 0.3}}\n"
        "recipes: [&plain {backbone: small_cnn, dropout: 0}, {<<: *plain, dropout: 0.2}]"
    )
    recipes = load_sweep_file(write(tmp_path, text)).recipes
    assert recipes[1] == {"backbone": "small_cnn", "dropout": 0.2}


def test_a_date_is_text(tmp_path: Path) -> None:
    assert load_sweep_file(write(tmp_path, "sweep: 2024-05-01\ndata: {path: a}")).sweep == (
        "2024-05-01"
    )


@given(
    st.lists(
        st.sampled_from([*"[]{},:?-&*!|>'\"%@`#\n \\", "a", "<<", "!!int", "1e9", "data: ", "\n  "])
    )
)
def test_no_text_is_anything_but_a_sweep_or_an_error_of_the_input(pieces: list[str]) -> None:
    with contextlib.suppress(InputError):
        check_sweep(parse_yaml("".join(pieces), "a file"))


PLAIN = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates()
)
VALUES = st.recursive(
    PLAIN, lambda part: st.lists(part) | st.dictionaries(st.text() | st.integers(), part)
)


@pytest.mark.slow
@given(st.sampled_from([*SweepFile.model_fields]), VALUES)
def test_no_value_is_anything_but_taken_and_stored_or_an_error_of_the_input(
    key: str, value: Any
) -> None:
    with contextlib.suppress(InputError):
        file = check_sweep({"data": {"path": "a"}, key: value})
        assert check_sweep(parse_yaml(file.as_written(), "the stored file")) == file


def test_a_file_and_data_of_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    odd = os.fsdecode(b"\xff")
    path = tmp_path / f"{odd}.yaml"
    path.write_text("data: {path: a}")
    with pytest.raises(InputError, match=r"sweep = .* no text in UTF-8"):
        load_sweep_file(path)
    with pytest.raises(InputError, match=r"data\.path = .* no text in UTF-8"):
        load_sweep_file(write(tmp_path, "sweep: x"), data=tmp_path / odd)
    folder = tmp_path / odd
    folder.mkdir()
    with pytest.raises(InputError, match=r"data\.path = .* no text in UTF-8"):
        load_sweep_file(write(folder, "data: {path: a}"))


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


def test_a_key_that_the_file_leaves_out_keeps_the_value_of_the_sweep(tmp_path: Path) -> None:
    content = {
        "data": {"path": "a", "image_px": 64, "exclude": "none"},
        "train": {"head_epochs": 33, "patience": 7},
        "space": {"base": "small", "policy": "flip"},
        "recipes": ["plain"],
        "budget": {"trials": 7, "hours": 2},
    }
    stored = check_sweep(parse_yaml(check_sweep(content).as_written(), "the stored file"))
    text = "sweep: sweep\ndata: {path: b}\ntrain: {patience: 7}\nbudget: {trials: 9}"
    merged = load_sweep_file(write(tmp_path, text)).over(stored)
    assert changes_that_affect_scores(stored, merged) == []
    assert (merged.train, merged.space, merged.recipes) == (
        stored.train,
        stored.space,
        stored.recipes,
    )
    assert (merged.data.image_px, merged.data.exclude) == (64, "none")
    assert merged.data.path == tmp_path / "b"
    assert (merged.budget.trials, merged.budget.hours) == (9, 2)


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"train": {"head_epochs": 20}}, "train.head_epochs: 33 -> 20"),
        ({"data": {"path": "a", "exclude": "audit"}}, "data.exclude: none -> audit"),
        ({"space": "default"}, "space: None -> default"),
        ({"space": {"policy": "flip"}}, "space.base: small -> None"),
    ],
)
def test_a_key_that_the_file_sets_to_the_default_is_a_change(
    changes: dict[str, Any], shown: str
) -> None:
    content = {
        "data": {"path": "a", "exclude": "none"},
        "train": {"head_epochs": 33},
        "space": {"base": "small", "policy": "flip"},
    }
    stored = check_sweep(parse_yaml(check_sweep(content).as_written(), "the stored file"))
    merged = check_sweep({"data": {"path": "a"}, **changes}).over(stored)
    assert shown in changes_that_affect_scores(stored, merged)


def test_what_was_put_over_a_stored_sweep_can_be_stored_and_put_over_again() -> None:
    stored = check_sweep({"data": {"path": "a"}, "train": {"head_epochs": 33}})
    merged = check_sweep({"data": {"path": "a"}, "budget": {"trials": 9}}).over(stored)
    again = check_sweep(parse_yaml(merged.as_written(), "the stored file"))
    assert check_sweep({"data": {"path": "a"}}).over(again) == merged


@pytest.mark.parametrize(
    ("section", "value", "shown"),
    [
        ("train", {"head_epochs": 10}, "train.head_epochs: 40 -> 10"),
        ("validation", {"folds": 3}, "validation.folds: 5 -> 3"),
        ("search", {"seed": 1}, "search.seed: 0 -> 1"),
        ("search", {"pruner": "none"}, "search.pruner: percentile -> none"),
        ("data", {"path": "a", "image_px": 64}, "data.image_px: 96 -> 64"),
        ("data", {"path": "a", "class_names": ["x", "y"]}, "data.class_names: None -> ['x', 'y']"),
        ("space", "small", "space: auto -> small"),
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


def test_a_policy_in_another_form_is_no_change() -> None:
    old = check_sweep({"data": {"path": "a"}, "space": {"policy": ["none | augmix@high+flip"]}})
    written = {"policy": [{"paths": ["none", [{"augmix": 0.6}, "flip"]]}]}
    new = check_sweep({"data": {"path": "a"}, "space": written})
    assert changes_that_affect_scores(old, new) == []
    shift = {"shift": [{"augmix": "high"}]}
    assert check_sweep({"data": {"path": "a"}, "validation": shift}).validation.shift == (
        "augmix@high"
    )
