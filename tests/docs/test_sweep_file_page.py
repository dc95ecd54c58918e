from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from search.cli.init import sweep_file_text
from search.sweep_file.sweep_file import SweepFile, check_sweep, load_sweep_file
from search.sweep_file.yaml_reading import parse_yaml
from spaces.backbones import BACKBONES
from spaces.default_space import SPACES
from spaces.narrowing import resolve_space
from spaces.recipes import RECIPES, resolve_recipe
from tests.docs.pages import ROOT, code_blocks, section, table_rows

PAGE = (ROOT / "docs" / "sweep-file.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
NO_DEFAULT = ("sweep", "data.path")


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each key of the schema with its default; sections have none of their own."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _keys(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name, field.get_default(call_default_factory=True)


SCHEMA = dict(_keys(SweepFile))


def _flat(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in content.items():
        flat |= (
            _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
        )
    return flat


def test_every_key_is_documented_with_its_default_and_no_other_key_is() -> None:
    rows = {
        row[0].strip("`"): row[1].strip("`")
        for heading in ["The name", *SweepFile.model_fields]
        for row in table_rows(section(PAGE, heading))
        if row[0].strip("`") in SCHEMA or "." in row[0].strip("`")
    }
    assert sorted(rows) == sorted(SCHEMA)
    for key, default in SCHEMA.items():
        if key not in NO_DEFAULT:
            assert yaml.safe_load(rows[key]) == default, key


def test_the_file_that_init_writes_has_every_key_with_its_default_a_comment_and_one_recipe() -> (
    None
):
    text = sweep_file_text("cells", "cells.npz")
    written = _flat(parse_yaml(text, "template"))
    assert sorted(written) == sorted(SCHEMA)
    assert {k: v for k, v in written.items() if k not in NO_DEFAULT} == {
        key: default for key, default in SCHEMA.items() if key not in NO_DEFAULT
    } | {"recipes": ["robust"]}
    lines = text.splitlines()
    sections = [f"{name}:" for name in SweepFile.model_fields]
    for line, following in pairwise(lines):
        if ":" in line and not line.lstrip().startswith("#") and line not in sections:
            assert following.lstrip().startswith("#"), line


def test_the_file_that_init_writes_is_accepted(tmp_path: Path) -> None:
    file = tmp_path / "cells.yaml"
    file.write_text(sweep_file_text("cells", "my cells: 1.npz"), "utf-8")
    loaded = load_sweep_file(file)
    assert loaded.data.path == tmp_path / "my cells: 1.npz"
    assert loaded.sweep == "cells"


def test_every_dimension_backbone_policy_and_recipe_is_named() -> None:
    dimensions = {
        name
        for space in SPACES.values()
        for dimension in space.dimensions
        for name in (dimension.name, dimension.label)
    }
    choices = {
        choice
        for space in SPACES.values()
        for dimension in space.dimensions
        for choice in dimension.choices
        if isinstance(choice, str)
    }
    named = [*dimensions, *choices, *BACKBONES, *RECIPES, *SPACES]
    assert sorted(name for name in named if f"`{name}`" not in PAGE) == []


@pytest.mark.parametrize("text", [*code_blocks(PAGE, "yaml"), *code_blocks(README, "yaml")])
def test_every_yaml_block_is_a_sweep_file_with_its_space_and_recipes(text: str) -> None:
    content = {"data": {"path": "images.npz"}, **parse_yaml(text, "the page")}
    file = check_sweep(content).on_space("small")
    space = resolve_space(file.space)
    for recipe in file.recipes:
        assert resolve_recipe(recipe, space)
