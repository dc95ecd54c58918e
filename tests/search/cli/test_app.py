import json
import os
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import click
import pytest

from search.cli.app import COMMANDS, main
from search.cli.output import print_json, quiet_stdout
from search.cli.quiet_tensorflow import LEVEL_VARIABLE, without_noise
from spaces.errors import InputError, RefusedError, TrialError, UnavailableError

HEAVY = ["tensorflow", "keras", "keras_cv", "mlflow", "optuna", "ray", "numpy", "pandas"]
HEAVY += ["sqlalchemy", "scipy", "sklearn", "cv2", "yaml", "pydantic"]


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return int(left.value.code or 0)


def test_the_help_page_imports_nothing_heavy_and_is_fast() -> None:
    script = (
        "import sys\nfrom search.cli import main\n"
        "try:\n    main(['--help'])\n"
        f"finally:\n    print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    seconds = []
    for _ in range(3):  # The best of three: the machine may be busy with other tests.
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        )
        seconds.append(time.perf_counter() - begun)
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(name in done.stdout for name in COMMANDS)
    assert min(seconds) < 0.5


def test_the_help_page_of_each_command_imports_nothing_heavy() -> None:
    script = (
        "import sys\nfrom search.cli import main\n"
        f"for name in {list(COMMANDS)!r}:\n"
        "    try:\n        main([name, '--help'])\n"
        "    except SystemExit as left:\n        assert left.code == 0, (name, left.code)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_listed_summary_is_the_first_line_of_the_commands_own_help(name: str) -> None:
    command = import_module(f"search.cli.{name}").command
    assert isinstance(command, click.Command)
    assert (command.help or "").partition("\n\n")[0].replace("\n", " ") == COMMANDS[name]


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (InputError("the sweep file is wrong"), 2, "Error: the sweep file is wrong"),
        (UnavailableError("no answer"), 2, "Error: no answer"),
        (RefusedError("the gate said no"), 1, "Refused: the gate said no"),
        (TrialError("out of memory"), 1, "Refused: out of memory"),
        (KeyboardInterrupt(), 130, ""),
        (ZeroDivisionError("ours"), 70, "ZeroDivisionError"),
        (click.Abort(), 130, ""),
    ],
)
def test_each_kind_of_error_has_its_exit_code(
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    @click.command
    def failing() -> None:
        raise error

    monkeypatch.setattr("search.cli.init.command", failing)
    assert run("init") == code
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.out == ""
    assert ("Traceback" in shown.err) == (code == 70)


def test_an_unknown_command_is_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("lanch") == 2
    assert "Did you mean launch" in capsys.readouterr().err


def test_an_unknown_option_is_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("init", "--froce") == 2
    shown = capsys.readouterr().err
    assert "--force" in shown
    assert shown.count("\n") == 1


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("foldsweep")


def test_json_numbers_that_json_does_not_know_become_null(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_json({"a": float("nan"), "b": [float("inf"), 1.5], "3": {"c": ()}})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [None, 1.5], "3": {"c": []}}


def test_what_libraries_print_goes_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_stdout():
        print("from Python")
        os.write(1, b"from C\n")
    print("the document")
    shown = capfd.readouterr()
    assert shown.out == "the document\n"
    assert "from Python" in shown.err
    assert "from C" in shown.err


def test_what_is_no_start_up_log_is_still_said(capfd: pytest.CaptureFixture[str]) -> None:
    with without_noise():
        os.write(
            2, b"I0000 00:00 port.cc:153] oneDNN is on\nW0000 00:00 cpu\nE0000 no GPU\nhello\n"
        )
    assert capfd.readouterr().err == "E0000 no GPU\nhello\n"


def test_a_package_of_tensorflows_name_is_imported_in_silence(tmp_path: Path) -> None:
    # The real one takes seconds to import; what it writes is copied from there.
    package = tmp_path / "tensorflow"
    package.mkdir()
    noise = (
        "WARNING: All log messages before absl::InitializeLog() is called\\nI0000 00:00 oneDNN\\n"
    )
    (package / "__init__.py").write_text(f'import os\nos.write(2, b"{noise}")\n', "utf-8")
    script = (
        "from search.cli.quiet_tensorflow import quiet_tensorflow\nquiet_tensorflow()\n"
        "import tensorflow\nprint(tensorflow.__spec__.loader.get_filename('tensorflow'))\n"
    )
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[3])])
    free = {name: value for name, value in os.environ.items() if name != LEVEL_VARIABLE}
    shown = [
        subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
            env={**free, "PYTHONPATH": path, **chosen},
        )
        for chosen in ({}, {LEVEL_VARIABLE: "0"})
    ]
    assert [done.stderr.count("oneDNN") for done in shown] == [0, 1]
    assert {done.stdout.strip() for done in shown} == {str(package / "__init__.py")}
