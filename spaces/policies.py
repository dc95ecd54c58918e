"""Policies: named augmentations, written as known operations joined by ``+``."""

import hashlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spaces.errors import InputError, unknown_name
from spaces.operations import BUILT_IN, SETTINGS, STRENGTHS, Operation, OwnFunction, Strength
from spaces.references import load_reference

IDENTITY = "none"
KNOWN_OPERATIONS: tuple[str, ...] = (IDENTITY, *SETTINGS)

_LOADED: dict[str, Mapping[Strength, Operation]] = {}


@dataclass(frozen=True)
class Policy:
    """A chain of operations, at each of the three strengths; none at all is the identity."""

    name: str
    chains: Mapping[Strength, tuple[Operation, ...]]

    def operations(self, strength: str) -> tuple[Operation, ...]:
        """Give the chain at a strength, in the order in which it is applied.

        Raises:
            InputError: If the strength is unknown.
        """
        if strength not in STRENGTHS:
            raise unknown_name("strength", strength, STRENGTHS)
        return self.chains[strength]

    @property
    def is_identity(self) -> bool:
        """True if pictures come out as they went in."""
        return self.name == IDENTITY

    @property
    def mixes_images(self) -> bool:
        """True if a picture's result depends on a partner, so that folds matter."""
        return any(operation.mixes_images for operation in self.chains["medium"])

    @property
    def own_digest(self) -> str:
        """A hash of the user's own code in the chain; empty if there is none."""
        own = [step for step in self.chains["medium"] if isinstance(step, OwnFunction)]
        return hashlib.sha256("".join(step.digest for step in own).encode()).hexdigest() * bool(own)


def parse_policy(name: str) -> Policy:
    """Read a policy's name, such as ``augmix+randaugment``.

    A part ``module:attribute`` is accepted only if :func:`load_own_operation` was called with it
    before: names that come from a database never import code.

    Args:
        name: Known operations joined by ``+``, or ``none`` alone.

    Returns:
        The policy at all its strengths.

    Raises:
        InputError: If a part is unknown, or ``none`` is joined with another part.
    """
    parts = [part.strip() for part in name.split("+")]
    if parts == [IDENTITY]:
        return Policy(IDENTITY, dict.fromkeys(STRENGTHS, ()))
    if IDENTITY in parts:
        raise InputError(f"policy {name!r}: 'none' stands alone; leave it out of the chain")
    settings = [_settings(part, name) for part in parts]
    chains = {strength: tuple(step[strength] for step in settings) for strength in STRENGTHS}
    return Policy("+".join(parts), chains)


def load_policy(name: str) -> Policy:
    """Read a policy's name from a sweep file or a command line, importing the user's own parts.

    Raises:
        InputError: If a part is unknown, or cannot be imported.
    """
    for part in name.split("+"):
        if ":" in part:
            load_own_operation(part.strip())
    return parse_policy(name)


def load_own_operation(name: str) -> None:
    """Import a user's own operation, so that this process may find it by name afterwards.

    Args:
        name: ``module:attribute``, from a sweep file or a command line and nowhere else. The
            attribute is an operation of ``spaces.operations``, or a function
            ``(image, strength, generator) -> image`` as :class:`OwnFunction` describes.

    Raises:
        InputError: If it cannot be imported, or is neither.
    """
    own = load_reference(name)
    if isinstance(own, BUILT_IN):
        _LOADED[name] = dict.fromkeys(STRENGTHS, own)
    elif callable(own):
        digest = _source_digest(own)
        _LOADED[name] = {
            strength: OwnFunction(name, digest, own, strength) for strength in STRENGTHS
        }
    else:
        raise InputError(
            f"policy {name!r} is a {type(own).__name__}; it must be a function (image, strength, "
            "generator) -> image, or an operation of spaces.operations"
        )


def _settings(part: str, name: str) -> Mapping[Strength, Operation]:
    if part in _LOADED:
        return _LOADED[part]
    if ":" in part:
        raise InputError(
            f"policy {name!r}: {part!r} was not loaded; name it in the sweep file that this worker "
            "runs, where own code may come from"
        )
    if part not in SETTINGS:
        advice = "Join several with '+'; to use your own, write 'your_module:attribute'."
        raise unknown_name("augmentation policy", part, KNOWN_OPERATIONS, advice)
    return SETTINGS[part]


def _source_digest(function: Any) -> str:
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError):
        kind = type(function)
        source = f"{kind.__module__}.{kind.__qualname__} {getattr(function, 'version', '')}"
    return hashlib.sha256(source.encode()).hexdigest()
