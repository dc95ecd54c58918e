"""YAML as people write it: 1e-4 is a number, a date is text, and a key that stands twice a mistake.

Whatever a file holds, reading it takes bounded time, memory and stack.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from search.sweep_file.plain_data import MAX_DEPTH
from spaces.errors import InputError

MAX_BYTES = 1_000_000
MAX_NODES = 20_000
"""Of a document in which every alias was replaced by what it stands for."""

_TAG = "tag:yaml.org,2002:"
_PLAIN = {f"{_TAG}{kind}" for kind in ("null", "bool", "int", "float", "str", "seq", "map")}
_MERGE = f"{_TAG}merge"


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader for plain data, refusing doubled keys and documents that blow up."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0
        self._expanded: dict[yaml.Node, tuple[int, int]] = {}
        """How many nodes stand below a complete node, and how deep, aliases replaced."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Build a node and all below it, as long as they stay within bounds."""
        is_alias = self.check_event(yaml.AliasEvent)
        self._depth += 1
        if self._depth > MAX_DEPTH and parent is not None:
            raise _error(f"it is nested deeper than {MAX_DEPTH} levels", parent)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if is_alias and parent is not None and node not in self._expanded:
            raise _error("something in it holds itself", parent)
        if node is not None and not is_alias:
            self._expanded[node] = self._measured(node)
        return node

    def _measured(self, node: yaml.Node) -> tuple[int, int]:
        below = [self._expanded[child] for child in _children(node)]
        n_nodes = 1 + sum(size for size, _ in below)
        depth = 1 + max((depth for _, depth in below), default=0)
        # The second count ends a long list before it is complete.
        if max(n_nodes, len(self._expanded)) > MAX_NODES or depth > MAX_DEPTH:
            raise _error(
                f"with its aliases written out it has more than {MAX_NODES:,} values, or more than "
                f"{MAX_DEPTH} levels",
                node,
            )
        return n_nodes, depth

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping whose keys stand once."""
        seen = set()
        for key_node, _ in node.value:
            key = "<<" if key_node.tag == _MERGE else self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise _error(f"the key {key!r} stands twice", key_node)
            if isinstance(key, str):
                seen.add(key)
        return super().construct_mapping(node, deep)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _error(problem: str, node: yaml.Node) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


_Loader.yaml_constructors = {
    tag: construct
    for tag, construct in yaml.SafeLoader.yaml_constructors.items()
    if tag is None or tag in _PLAIN
}
# A sweep may be named 2024-05-01.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != f"{_TAG}timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
# PyYAML follows YAML 1.1, where 1e-4 without a dot is a string.
_Loader.add_implicit_resolver(
    f"{_TAG}float",
    re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+0123456789."),
)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file whose top level is a mapping.

    Raises:
        InputError: If it cannot be read, is too large, is not YAML, or is something else than a
            mapping.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content[:MAX_BYTES].decode("utf-8")
    except (OSError, ValueError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else str(error)
        raise InputError(
            f"the sweep file {path} cannot be read: {reason}. 'foldsweep init' writes one."
        ) from error
    if len(content) > MAX_BYTES:
        raise InputError(f"{path} is larger than a megabyte: it can be no sweep file.")
    return parse_yaml(text, str(path))


def parse_yaml(text: str, origin: str) -> dict[str, Any]:
    """Parse YAML whose top level is a mapping with text keys; ``origin`` names it in errors."""
    try:
        # The loader is PyYAML's safe one with stricter mappings: it builds plain data alone.
        content = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        where = " ".join(str(error).split())
        raise InputError(f"{origin} is not YAML: {where}.") from error
    except (ValueError, LookupError) as error:
        # A number of more than 4,300 digits, or a tag such as !!int before something else.
        raise InputError(f"{origin} holds a value that is not of its kind: {error}.") from error
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        kind = "is empty" if content is None else f"holds a {type(content).__name__}"
        raise InputError(f"{origin} {kind}; a sweep file is a mapping of keys such as 'data:'.")
    return content
