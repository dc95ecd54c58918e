import os
import re
import stat
import subprocess
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][A-Za-z0-9.!]*")
# Put together from parts, so that this file does not name what it looks for.
_MACHINE_PATHS = r"(?<![\w.])/(?:" + "|".join(["work", "farm", "root"]) + ")/"
_PACKAGE_INDEX = r"//\S*/(?:" + "simple|packages/[0-9a-f]{2})/"
_PACKAGE_HOSTS = "|".join(["py" + r"pi\.org", "python" + r"hosted\.org"])
UNWANTED = re.compile("|".join([_MACHINE_PATHS, _PACKAGE_INDEX, _PACKAGE_HOSTS]))


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def asked_for(*extras: str) -> list[Requirement]:
    content = pyproject()
    lines = [*content["build-system"]["requires"], *content["project"]["dependencies"]]
    for extra in extras:
        lines += content["project"]["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


def brought_in(wanted: list[Requirement]) -> Iterator[tuple[str, str]]:
    """Walk what is installed from ``wanted`` on, as pip did; yields name and version."""
    seen: set[tuple[str, frozenset[str]]] = set()
    while wanted:
        requirement = wanted.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        found = distribution(requirement.name)
        yield key[0], found.version
        for line in found.requires or []:
            further = Requirement(line)
            conditions = [{"extra": extra} for extra in ("", *requirement.extras)]
            if further.marker is None or any(map(further.marker.evaluate, conditions)):
                wanted.append(further)


def tracked_files() -> list[Path]:
    try:
        command = ["git", "ls-files", "-z"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is not a git checkout")
    files = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return [file for file in files if file.is_file()]


def test_constraints_are_exact_versions_and_nothing_else() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    wrong = [line for line in lines if not (line.startswith("#") or PINNED.fullmatch(line))]
    assert wrong == []
    assert len(pins()) == sum(not line.startswith("#") for line in lines)


def test_everything_installed_by_the_extras_is_pinned_at_the_version_that_is_here() -> None:
    installed = dict(brought_in(asked_for("cpu", "dev")))
    assert len(installed) > 100
    assert {name: pins().get(name) for name in installed} == installed


def test_the_gpu_extra_is_pinned_with_its_cuda_packages() -> None:
    (tensorflow,) = [found for found in asked_for("gpu") if found.name == "tensorflow"]
    assert tensorflow.specifier.contains(pins()["tensorflow"])
    # The CPU's package lists the same extra of CUDA packages, so they can be known here.
    try:
        lines = distribution("tensorflow-cpu").requires or []
    except PackageNotFoundError:
        lines = distribution("tensorflow").requires or []
    cuda = [Requirement(line) for line in lines if "and-cuda" in line]
    assert len(cuda) >= 10
    for requirement in cuda:
        assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])


def test_the_server_extra_is_pinned_and_is_what_the_tests_run() -> None:
    server = {requirement.name: requirement for requirement in asked_for("server")}
    for requirement in server.values():
        assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])
    tested = {requirement.name: requirement for requirement in asked_for("dev")}
    # No test has an S3.
    assert [name for name in server if server[name] != tested.get(name)] == ["boto3"]


def test_the_cpu_and_the_gpu_get_the_same_tensorflow() -> None:
    assert pins()["tensorflow"] == pins()["tensorflow-cpu"]


def test_what_the_extra_for_exports_brings_is_what_the_tests_run() -> None:
    from objectives.exporting.formats import EXTRA, FORMATS

    export, tested = asked_for(EXTRA), asked_for("dev")
    assert [requirement for requirement in export if requirement not in tested] == []
    needed = {name for export_format in FORMATS.values() for name in export_format.needs}
    assert needed <= {requirement.name for requirement in export}


EXTRAS = ("cpu", "gpu", "ray", "export", "server", "dev")


@pytest.mark.parametrize("requirement", asked_for(*EXTRAS), ids=str)
def test_every_requirement_has_an_upper_bound_on_its_major_version(
    requirement: Requirement,
) -> None:
    uppers = [bound.version for bound in requirement.specifier if bound.operator == "<"]
    assert len(uppers) == 1
    assert uppers[0].isdigit()


def test_no_tracked_file_names_a_path_of_a_machine_or_a_package_host() -> None:
    named = []
    for file in tracked_files():
        try:
            text = file.read_text("utf-8")
        except UnicodeDecodeError:
            continue  # Pictures.
        named += [(file.name, found.group()) for found in UNWANTED.finditer(text)]
    assert named == []


def test_no_tracked_file_is_larger_than_a_megabyte() -> None:
    assert [file.name for file in tracked_files() if file.stat().st_size > 2**20] == []


def test_continuous_integration_runs_all_tests() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & stat.S_IXUSR
    commands = [line for line in script.read_text().splitlines() if not line.startswith("#")]
    assert commands[0] == "set -euo pipefail"
    assert commands[-2:] == ["make test", "exec make acceptance"]


INSTALL = ("-m venv", "--constraint constraints.txt")
LINT = ("ruff check", "ruff format --check", "mypy", "lint-imports")


@pytest.mark.parametrize(
    ("target", "steps"),
    [
        ("check", (*INSTALL, *LINT, '-m pytest -m "not slow and not acceptance"')),
        ("test", (*INSTALL, *LINT, '-m pytest -m "not acceptance"')),
        ("acceptance", (*INSTALL, "-m pytest -m acceptance", "-m bench.compute_once --small")),
    ],
)
def test_make_says_what_it_runs(target: str, steps: tuple[str, ...]) -> None:
    planned = subprocess.run(
        ["make", "--dry-run", "--always-make", target],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "MAKEFLAGS": ""},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    places = [planned.index(step) for step in steps]
    assert places == sorted(places)


def test_make_test_and_make_acceptance_run_every_test_between_them() -> None:
    """What neither of the two selects would be run by nobody."""
    recipes = (ROOT / "Makefile").read_text()
    selected = re.findall(r'-m pytest -m ("[^"]*"|\w+)', recipes)
    assert {'"not acceptance"', "acceptance"} <= set(selected)
    markers = pyproject()["tool"]["pytest"]["ini_options"]["markers"]
    assert {line.partition(":")[0] for line in markers} == {"shared", "slow", "acceptance"}


def test_the_image_copies_what_the_build_context_lets_through() -> None:
    copied = [
        source
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    ]
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    assert set(copied) == allowed
    packages = pyproject()["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {pattern.removesuffix("*") for pattern in packages} <= allowed
    assert all((ROOT / source).exists() for source in copied)


def test_the_image_runs_as_an_ordinary_user() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    last_stage = lines[[row for row, line in enumerate(lines) if line.startswith("FROM")][-1] :]
    assert "USER foldsweep" in last_stage


def test_the_licence_is_the_one_that_pyproject_names() -> None:
    assert pyproject()["project"]["license"] == "Apache-2.0"
    title = (ROOT / "LICENSE").read_text().split(maxsplit=4)[:4]
    assert title == ["Apache", "License", "Version", "2.0,"]
