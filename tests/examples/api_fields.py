"""Checks documents for Kubernetes field by field, as its API server does with strict validation."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_FACTS = json.loads((Path(__file__).parent / "kubernetes_fields.json").read_text("utf-8"))
_PLAIN = {"string": str, "integer": int, "number": float, "boolean": bool}


def problems(document: Any, kind: Any, where: str = "") -> Iterator[str]:
    """Yield what the API would refuse: unknown or missing fields, wrong types and values.

    Args:
        document: What a YAML document holds.
        kind: A name of ``kubernetes_fields.json``, ``[name]`` for a list, ``{"*": name}`` for a
            mapping with any keys.
        where: The path to it.
    """
    where = where or str(kind)
    if isinstance(kind, list):
        yield from _of_list(document, kind[0], where)
    elif isinstance(kind, dict):
        yield from _of_mapping(document, kind["*"], where)
    elif kind in _PLAIN:
        if type(document) is not _PLAIN[kind]:
            yield f"{where}: {document!r} is no {kind}"
    elif kind not in _FACTS["kinds"]:
        yield f"{where}: kubernetes_fields.json has no fields for it"
    else:
        yield from _of_object(document, kind, where)


def _of_list(document: Any, kind: str, where: str) -> Iterator[str]:
    if not isinstance(document, list):
        yield f"{where}: {document!r} is no list"
        return
    for place, entry in enumerate(document):
        yield from problems(entry, kind, f"{where}[{place}]")


def _of_mapping(document: Any, kind: str, where: str) -> Iterator[str]:
    if not isinstance(document, dict):
        yield f"{where}: {document!r} is no mapping"
        return
    for key, entry in document.items():
        yield from problems(key, "string", f"{where} key")
        yield from problems(entry, kind, f"{where}.{key}")


def _of_object(document: Any, kind: str, where: str) -> Iterator[str]:
    if not isinstance(document, dict):
        yield f"{where}: {document!r} is no {kind}"
        return
    facts = _FACTS["kinds"][kind]
    yield from (f"{where}: {name} is missing" for name in facts["required"] if name not in document)
    for name, value in document.items():
        if name not in facts["fields"]:
            yield f"{where}: {kind} has no field {name!r}"
            continue
        allowed = _FACTS["values"].get(f"{kind}.{name}")
        if allowed is not None and value not in allowed:
            yield f"{where}.{name}: {value!r} is none of {allowed}"
        yield from problems(value, facts["fields"][name], f"{where}.{name}")
