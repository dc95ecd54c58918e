from pathlib import Path

import pytest

from search.sweep_file.sweep_file import load_sweep_file
from spaces.backbones import find_backbone
from spaces.narrowing import resolve_space
from spaces.policies import parse_policy
from spaces.recipes import resolve_recipe

SWEEPS = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: str(path.name))
def test_an_example_names_only_what_there_is(path: Path) -> None:
    file = load_sweep_file(path)
    space = resolve_space(file.space)
    choices = {dimension.name: dimension.choices for dimension in space.dimensions}
    assert [find_backbone(str(name)).name for name in choices["backbone"]]
    for policy in (file.validation.shift, *map(str, choices["policy"])):
        parse_policy(policy)
    for recipe in file.recipes:
        assert resolve_recipe(recipe, space)


def test_the_demo_is_what_the_readme_promises() -> None:
    (demo,) = [load_sweep_file(path) for path in SWEEPS if path.stem == "digits"]
    assert demo.data.image_px == 32
    assert demo.validation.folds == 3
    assert demo.budget.trials >= 6
    assert demo.workers.count == 2
    assert [d.choices for d in resolve_space(demo.space).dimensions if d.name == "backbone"] == [
        ("small_cnn",)
    ]
