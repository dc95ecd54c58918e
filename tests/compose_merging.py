"""Merges Compose files by the rules of the Compose specification, 13-merge.md."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import yaml

_REPLACED = ("command", "entrypoint", "test")
"""Words of a shell: those of the last file stand alone."""


@dataclass(frozen=True)
class Override:
    """A value under ``!override``: it takes the place of what was there."""

    value: Any


class _Loader(yaml.SafeLoader):
    """Knows the tag ``!override``."""


def _override(loader: yaml.SafeLoader, node: yaml.Node) -> Override:
    if isinstance(node, yaml.SequenceNode):
        return Override(loader.construct_sequence(node, deep=True))
    if isinstance(node, yaml.MappingNode):
        return Override(loader.construct_mapping(node, deep=True))
    return Override(node.value)


_Loader.add_constructor("!override", _override)


def load_compose(text: str) -> Any:
    """Read a Compose file, its anchors resolved."""
    return yaml.load(text, _Loader)


def merged(contents: Sequence[Any]) -> Any:
    """Merge files, each into those before it."""
    return _without_tags(reduce(lambda old, new: _merge("", old, new), contents))


def _merge(key: str, old: Any, new: Any) -> Any:
    if isinstance(new, Override):
        return new
    if key == "networks":
        old, new = _as_mapping(old), _as_mapping(new)
    if isinstance(old, dict) and isinstance(new, dict):
        both = {name: _merge(name, old[name], new[name]) for name in old if name in new}
        return {**old, **new, **both}
    if isinstance(old, list) and isinstance(new, list) and key not in _REPLACED:
        return _united(old, new, _IDENTITIES.get(key, str))
    return new


def _as_mapping(networks: Any) -> Any:
    return dict.fromkeys(networks) if isinstance(networks, list) else networks


def _united(old: list[Any], new: list[Any], identity: Callable[[Any], str]) -> list[Any]:
    """Append what is new; what has the same identity as something before takes its place."""
    entries = {identity(entry): entry for entry in old}
    entries.update({identity(entry): entry for entry in new})
    return list(entries.values())


_IDENTITIES: dict[str, Callable[[Any], str]] = {
    # Of SOURCE:TARGET:MODE. Of a port, address, published and target together are the identity.
    "volumes": lambda entry: str(entry).split(":")[1],
}


def _without_tags(value: Any) -> Any:
    if isinstance(value, Override):
        return _without_tags(value.value)
    if isinstance(value, dict):
        return {key: _without_tags(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_without_tags(entry) for entry in value]
    return value
