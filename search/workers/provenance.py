"""What a result depends on besides its parameters: versions, our code, the commit of the user's."""

import importlib
import subprocess
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from objectives.stopping.scoring_version import SCORING_VERSION

SCORING_RULES = "scoring rules"
_OWN_PACKAGES = ("mlruns_config", "objectives", "search", "spaces")
_DIGEST_DIGITS = 16
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
def code_digest() -> str:
    """Give a digest of foldsweep's own source as it is installed here, package by package.

    Returns:
        Such as ``objectives:0f3a...,search:71bc...``.
    """
    return ",".join(f"{name}:{_digest(name)}" for name in _OWN_PACKAGES)


def _digest(package: str) -> str:
    folder = Path(str(importlib.import_module(package).__file__)).parent
    files = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*.py")}
    found = sha256()
    for name in sorted(files):
        content = files[name].read_bytes()
        found.update(f"{name} {len(content)}\n".encode() + content)
    return found.hexdigest()[:_DIGEST_DIGITS]


@cache
def git_commit(folder: Path) -> str | None:
    """Give the commit at which a folder stood when first asked; None outside of a repository."""
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
