"""What a result depends on besides its parameters: versions and the commit of the user's code."""

import subprocess
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from objectives.stopping.scoring_version import SCORING_VERSION

SCORING_RULES = "scoring rules"
_PACKAGES = ("foldsweep", "keras", "keras-cv", "numpy", "opencv-python-headless", "optuna")
_TENSORFLOWS = ("tensorflow", "tensorflow-cpu")


@cache
def library_versions() -> Mapping[str, str]:
    """Give the version of each library that scores depend on, those that are installed.

    TensorFlow's builds for CPU and GPU are one library of two names.
    """
    found = {}
    for package in (*_PACKAGES, *_TENSORFLOWS):
        try:
            found[package.removesuffix("-cpu")] = version(package)
        except PackageNotFoundError:
            continue
    return found


def score_versions() -> Mapping[str, str]:
    """Give the versions of all that scores depend on: the libraries, and our scoring rules."""
    return {**library_versions(), SCORING_RULES: str(SCORING_VERSION)}


@cache
def git_commit(folder: Path) -> str | None:
    """Give the commit at which a folder stood when first asked; None outside of a repository."""
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
