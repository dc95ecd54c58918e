import re

import click
import pytest

from search.cli.app import COMMANDS, foldsweep
from tests.docs.pages import ROOT, section

PAGE = (ROOT / "docs" / "cli.md").read_text("utf-8")


def _command(name: str) -> click.Command:
    found = foldsweep.get_command(click.Context(foldsweep), name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_section_and_its_line_in_the_list(name: str) -> None:
    assert section(PAGE, name)
    assert f"](#{name})" in PAGE


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_explained_and_no_other(name: str) -> None:
    options = {
        option
        for parameter in _command(name).params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
    }
    text = section(PAGE, name)
    explained = re.findall(r"^\| `(--[\w-]+)", text, flags=re.MULTILINE)
    assert sorted(explained) == sorted(options)
    usage = text.split("```")[1]
    assert {option for option in options if option not in usage} == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_argument_of_a_command_stands_in_its_usage_line(name: str) -> None:
    usage = section(PAGE, name).split("```")[1]
    arguments = [
        (parameter.metavar or parameter.human_readable_name).rstrip(".")
        for parameter in _command(name).params
        if isinstance(parameter, click.Argument)
    ]
    assert [argument for argument in arguments if argument not in usage] == []


def test_every_exit_code_is_listed() -> None:
    from search.cli import exits

    listed = [int(code) for code in re.findall(r"^\| (\d+) \|", section(PAGE, "Exit codes"), re.M)]
    assert listed == [
        exits.DONE,
        exits.REFUSED,
        exits.WRONG_INPUT,
        exits.BUG,
        exits.INTERRUPTED,
    ]


def test_every_variable_that_the_code_reads_is_listed() -> None:
    pattern = re.compile(r"""["'](FOLDSWEEP_[A-Z_]+|MLFLOW_TRACKING_[A-Z_]+|KERAS_HOME)["']""")
    read = {
        name
        for package in ("search", "objectives", "spaces", "mlruns_config")
        for file in (ROOT / package).rglob("*.py")
        for name in pattern.findall(file.read_text("utf-8"))
    }
    listed = section(PAGE, "Environment")
    assert sorted(name for name in read if f"`{name}`" not in listed) == []
