"""Policies as data: several paths, each a chain of operations, of which every row takes one."""

import hashlib
import inspect
from dataclasses import dataclass, replace
from typing import Any

from spaces.errors import InputError, unknown_name
from spaces.operations import (
    BUILT_IN,
    SCALES,
    SETTINGS,
    STRENGTHS,
    Operation,
    OwnFunction,
    Strength,
)
from spaces.policy_text import Step, path_text, split_policy
from spaces.references import load_reference

_LOADED: dict[str, Operation] = {}
"""The user's own operations; a function stands here at medium strength."""


@dataclass(frozen=True)
class PolicyPath:
    """A chain of operations in the order in which they are applied; none at all is the identity."""

    steps: tuple[Step, ...]

    @property
    def name(self) -> str:
        """The path as it is written, such as ``augmix@high+randaugment``."""
        return path_text(self.steps)

    def at(self, strength: str) -> "PolicyPath":
        """Give the path whose operations all carry the strength that they have in a trial.

        Two paths that do the same have the same name then, however they were written.

        Args:
            strength: Of the operations that carry none.

        Raises:
            InputError: If the strength is unknown.
        """
        known = _known(strength)
        return PolicyPath(tuple(_at(step, known) for step in self.steps))

    def operations(self, strength: str = "medium") -> tuple[Operation, ...]:
        """Give the chain.

        Args:
            strength: Of the operations that carry none.

        Raises:
            InputError: If the strength is unknown.
        """
        return tuple(_operation(step) for step in self.at(strength).steps)

    @property
    def is_identity(self) -> bool:
        """True if pictures come out as they went in."""
        return not self.steps

    @property
    def mixes_images(self) -> bool:
        """True if a picture's result depends on a partner, so that folds matter."""
        return any(operation.mixes_images for operation in self.operations())

    @property
    def own_digest(self) -> str:
        """A hash of what the user's own operations do; empty if there is none."""
        own = [step.name for step in self.steps if step.is_own]
        texts = (_own_text(_loaded(name)) for name in own)
        return hashlib.sha256("\n".join(texts).encode()).hexdigest() * bool(own)


@dataclass(frozen=True)
class Policy:
    """One or more paths; a path that stands twice is taken twice as often."""

    paths: tuple[PolicyPath, ...]

    @property
    def name(self) -> str:
        """The policy in its short form, such as ``none|augmix+randaugment``."""
        return "|".join(path.name for path in self.paths)


def parse_policy(name: str) -> Policy:
    """Read a policy's short text, such as ``none|augmix@high+randaugment``.

    A part ``module:attribute`` is accepted only if :func:`load_own_operation` was called with it
    before: names that come from a database never import code.

    Args:
        name: See :mod:`spaces.policy_text`.

    Raises:
        InputError: If a part is unknown, or ``none`` is joined with another part.
    """
    policy = Policy(tuple(PolicyPath(steps) for steps in split_policy(name)))
    for path in policy.paths:
        path.operations()
    return policy


def parse_path(name: str) -> PolicyPath:
    """Read a policy that is one path.

    Raises:
        InputError: If it has several, or :func:`parse_policy` refuses it.
    """
    paths = parse_policy(name).paths
    if len(paths) > 1:
        raise InputError(
            f"policy {name!r} has {len(paths)} paths, joined by '|'; only one is possible here."
        )
    return paths[0]


def load_policy(name: str) -> Policy:
    """Read a policy from a sweep file or a command line, importing the user's own parts.

    Raises:
        InputError: If a part is unknown, or cannot be imported.
    """
    for step in (step for path in split_policy(name) for step in path):
        if step.is_own:
            load_own_operation(step.name)
    return parse_policy(name)


def load_shift(name: str) -> PolicyPath:
    """Read the policy of a shift, under which images are scored by the labels that they have.

    Raises:
        InputError: If it has several paths or mixes images, or :func:`load_policy` refuses it.
    """
    load_policy(name)
    path = parse_path(name)
    mixing = [
        step.name
        for step, operation in zip(path.steps, path.operations(), strict=True)
        if operation.mixes_images
    ]
    if mixing:
        raise InputError(
            f"validation.shift = {name!r}: {mixing[0]} mixes two images and with them their "
            "labels, so that no single answer would be right. Leave it out, or use it as the "
            "policy that trials train under."
        )
    return path


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
        _LOADED[name] = own
    elif callable(own):
        _LOADED[name] = OwnFunction(name, _source_digest(own), own, "medium")
    else:
        raise InputError(
            f"policy {name!r} is a {type(own).__name__}; it must be a function (image, strength, "
            "generator) -> image, or an operation of spaces.operations"
        )


def _known(strength: str) -> Strength:
    for known in STRENGTHS:
        if strength == known:
            return known
    raise unknown_name("strength", strength, STRENGTHS)


def _at(step: Step, strength: Strength) -> Step:
    has_settings = step.is_own and not isinstance(_loaded(step.name), OwnFunction)
    return step if step.strength or has_settings else Step(step.name, strength)


def _operation(step: Step) -> Operation:
    """Give the operation of a step that carries its strength."""
    if not step.is_own:
        if step.strength in STRENGTHS:
            return SETTINGS[step.name][_known(step.strength)]
        return SCALES[step.name].make(float(step.strength))
    own = _loaded(step.name)
    if isinstance(own, OwnFunction):
        return replace(own, strength=_known(step.strength))
    if step.strength:
        raise InputError(
            f"policy {step.text!r}: {step.name} is an operation with settings of its own; leave "
            f"'@{step.strength}' out."
        )
    return own


def _loaded(name: str) -> Operation:
    if name not in _LOADED:
        raise InputError(
            f"policy {name!r} was not loaded; name it in the sweep file that this worker runs, "
            "where own code may come from"
        )
    return _LOADED[name]


def _own_text(operation: Operation) -> str:
    return operation.digest if isinstance(operation, OwnFunction) else repr(operation)


def _source_digest(function: Any) -> str:
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError):
        kind = type(function)
        source = f"{kind.__module__}.{kind.__qualname__} {getattr(function, 'version', '')}"
    return hashlib.sha256(source.encode()).hexdigest()
