"""YAML as people write it: 1e-4 is a number, and a key that stands twice is a mistake."""

import re
from pathlib import Path
from typing import Any

import yaml

from spaces.errors import InputError


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with YAML 1.2's floats, refusing doubled keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping whose keys stand once."""
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            if isinstance(key, str):
                seen.add(key)
        return super().construct_mapping(node, deep)


# PyYAML follows YAML 1.1, where 1e-4 without a dot is a string.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+0123456789."),
)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file whose top level is a mapping.

    Raises:
        InputError: If it cannot be read, is not YAML, or is something else than a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else str(error)
        raise InputError(
            f"the sweep file {path} cannot be read: {reason}. 'foldsweep init' writes one."
        ) from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, origin: str) -> dict[str, Any]:
    """Parse YAML whose top level is a mapping with text keys; ``origin`` names it in errors."""
    try:
        # The loader is PyYAML's safe one with stricter mappings: it builds plain data alone.
        content = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        where = " ".join(str(error).split())
        raise InputError(f"{origin} is not YAML: {where}.") from error
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        kind = "is empty" if content is None else f"holds a {type(content).__name__}"
        raise InputError(f"{origin} {kind}; a sweep file is a mapping of keys such as 'data:'.")
    return content
