"""Write constraints.txt: one exact version of every package that some extra brings in.

Asks pip what it would install and installs nothing; ``pip`` newer than the one that Python ships
reads metadata alone, so the gigabytes of the GPU extra are not downloaded either.

Usage: python .ci/resolve.py constraints.txt
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEADER = """\
# Exact versions of what the extras cpu, gpu, server and dev install; written by `make constraints`.
"""


def resolve(python: Path, requirements: list[str], pinned: dict[str, str]) -> dict[str, str]:
    """Ask pip for the versions that ``requirements`` lead to.

    Args:
        python: The interpreter whose pip is asked.
        requirements: As in pyproject.toml.
        pinned: Versions that the answer has to keep, by name.

    Returns:
        Version by name as the packages spell it.
    """
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "pinned.txt"
        constraints.write_text("".join(f"{name}=={pinned[name]}\n" for name in pinned))
        report = Path(folder) / "report.json"
        ask = ["-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
        files = ["--constraint", str(constraints), "--report", str(report)]
        subprocess.run([str(python), *ask, *files, *requirements], check=True)
        installs = json.loads(report.read_text())["install"]
    return {found["metadata"]["name"]: found["metadata"]["version"] for found in installs}


def main(target: Path) -> None:
    """Resolve the extras one after the other, each on top of the versions of those before it."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, extras = pyproject["project"], pyproject["project"]["optional-dependencies"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = Path(folder) / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--upgrade", "pip"], check=True)
        common = [*pyproject["build-system"]["requires"], *project["dependencies"]]
        pinned = resolve(python, [*common, *extras["cpu"], *extras["dev"]], {})
        pinned |= resolve(python, [*common, *extras["gpu"]], pinned)
        pinned |= resolve(python, [*common, *extras["server"]], pinned)
    lines = sorted((f"{name}=={version}\n" for name, version in pinned.items()), key=str.lower)
    target.write_text(HEADER + "".join(lines))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
