"""The sweep file: its schema, and what may change in a sweep that exists."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import Field, ValidationError, field_validator

from objectives.settings import DataSettings, Section, TrainSettings, ValidationSettings
from search.sweep_file.file_errors import as_input_error
from search.sweep_file.plain_data import check_plain
from search.sweep_file.sections import BudgetSettings, SearchSettings, WorkerSettings
from search.sweep_file.yaml_reading import read_yaml
from spaces.errors import InputError
from spaces.narrowing import AUTO, on_base, with_short_policies

NAME_PATTERN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,98}[A-Za-z0-9_-])?")
CODE_PATTERN = re.compile(r"[\w.]+:\w*")
OWN_RULES = ("audit", "none")
# The content of the images is compared by fingerprint, so their path may change; recipes only add
# points, as `enqueue` does.
MAY_CHANGE = ("budget", "workers", "recipes", "data.path")


AnySection = TypeVar("AnySection", bound=Section)


class SweepFile(Section):
    """All keys of a sweep file. Every one has a default but ``data.path``."""

    sweep: str = "sweep"
    """The name: of the study, the experiment and the folder."""
    data: DataSettings
    validation: ValidationSettings = ValidationSettings()
    train: TrainSettings = TrainSettings()
    space: str | dict[str, Any] = AUTO
    recipes: list[str | dict[str, Any]] = Field(default_factory=list)
    objective: str = "objectives.trial:train_trial"
    """``module:attribute`` of what scores a point."""
    search: SearchSettings = SearchSettings()
    budget: BudgetSettings = BudgetSettings()
    workers: WorkerSettings = WorkerSettings()

    @field_validator("sweep")
    @classmethod
    def _names_a_folder(cls, name: str) -> str:
        if not NAME_PATTERN.fullmatch(name):
            raise ValueError(
                "a name has letters of ASCII, digits, dash, underscore and dot, at most 100; it "
                "begins with a letter or a digit and does not end with a dot"
            )
        return name

    @field_validator("space")
    @classmethod
    def _has_short_policies(cls, space: str | dict[str, Any]) -> str | dict[str, Any]:
        if isinstance(space, str):
            return space
        try:
            return with_short_policies(space)
        except InputError as error:
            raise ValueError(str(error).rstrip(".")) from error

    @field_validator("objective")
    @classmethod
    def _is_a_reference(cls, name: str) -> str:
        if not re.fullmatch(r"[\w.]+:\w+", name):
            raise ValueError("an objective is written 'your_module:attribute'")
        return name

    def over(self, stored: "SweepFile") -> "SweepFile":
        """Give this file with what it leaves out as a sweep that exists has it.

        So a default that has changed since then refuses no sweep, and a file that leaves a key out
        asks for no change. ``space`` and ``recipes`` are one value each.

        Args:
            stored: The file that the sweep was made from, as far as it has come since.
        """
        return _over(self, stored)

    @property
    def names_of_code(self) -> frozenset[str]:
        """All ``module:attribute`` names: of an objective, a space, backbones and operations."""
        named = (self.objective, self.space, self.validation.shift)
        return frozenset(CODE_PATTERN.findall(repr(named)))

    def on_space(self, base: str) -> "SweepFile":
        """Give this file with a space of that name in the place of ``auto``."""
        return self.model_copy(update={"space": on_base(self.space, base)})

    def as_written(self) -> str:
        """Write the file with every default filled in, as it is stored with the sweep."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def load_sweep_file(path: Path, *, data: Path | str | None = None) -> SweepFile:
    """Read and check a sweep file.

    Args:
        path: The YAML file. Relative paths in it start at its folder, or else at the current one.
        data: Takes the place of ``data.path``; relative to the current folder, or a URL.

    Returns:
        The checked settings; ``data.path`` is absolute, and need not exist.

    Raises:
        InputError: If the file cannot be read, is not YAML, or has a wrong key or value.
    """
    content = read_yaml(path)
    content.setdefault("sweep", path.stem)
    return check_sweep(content, folder=path.resolve().parent, data=data, origin=str(path))


def check_sweep(
    content: Mapping[str, Any],
    *,
    folder: Path | None = None,
    data: Path | str | None = None,
    origin: str = "the sweep",
) -> SweepFile:
    """Check a sweep that is given as a mapping.

    Args:
        content: What a sweep file would hold.
        folder: Where relative paths start; the current folder if None.
        data: Takes the place of ``data.path``.
        origin: What to call the mapping in an error.

    Returns:
        The checked settings.

    Raises:
        InputError: At the first wrong key or value.
    """
    merged = dict(content)
    if data is not None:
        section = merged.get("data") or {}
        if not isinstance(section, Mapping):
            raise InputError(f"{origin}: data must be a section with keys, got {section!r}.")
        path = str(data.absolute()) if isinstance(data, Path) else data
        merged["data"] = {**section, "path": path}
    check_plain(merged, origin)
    try:
        file = SweepFile.model_validate(merged)
    except ValidationError as error:
        raise as_input_error(error, SweepFile, origin) from error
    return _with_absolute_paths(file, folder or Path.cwd(), origin)


def changes_that_affect_scores(old: SweepFile, new: SweepFile) -> list[str]:
    """Say what makes scores of ``new`` incomparable to those that ``old`` found.

    Returns:
        One line a key, such as ``train.head_epochs: 20 -> 10``; empty if the sweep may go on.
    """
    before, after = _flat(old.model_dump(mode="json")), _flat(new.model_dump(mode="json"))
    return [
        f"{key}: {before.get(key)} -> {after.get(key)}"
        for key in sorted(before.keys() | after.keys())
        if not key.startswith(MAY_CHANGE) and before.get(key) != after.get(key)
    ]


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _over(given: AnySection, stored: AnySection) -> AnySection:
    changes: dict[str, Any] = {}
    for key in given.model_fields_set:
        value, before = getattr(given, key), getattr(stored, key)
        both = isinstance(value, Section) and isinstance(before, Section)
        changes[key] = _over(value, before) if both else value
    return stored.model_copy(update=changes)


def _with_absolute_paths(file: SweepFile, folder: Path, origin: str) -> SweepFile:
    path = file.data.path
    changed: dict[str, Any] = {}
    if isinstance(path, Path):
        changed["path"] = _found(path, folder, origin, "data.path")
    if file.data.exclude not in OWN_RULES:
        exclude = _found(Path(file.data.exclude), folder, origin, "data.exclude")
        changed["exclude"] = str(exclude)
    return file.model_copy(update={"data": file.data.model_copy(update=changed)})


def _found(path: Path, folder: Path, origin: str, key: str) -> Path:
    try:
        beside, here = folder / path.expanduser(), Path.cwd() / path.expanduser()
        found = here if here.exists() and not beside.exists() else beside
    except (OSError, RuntimeError) as error:  # Too long a name, or ~nobody.
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise InputError(f"{origin}: {key} = {str(path)!r} will not do: {reason}.") from error
    check_plain(str(found), origin, key)
    return found
