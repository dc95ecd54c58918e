"""A conditional space: dimensions in order, some of which exist only under a choice made before."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import ValidationError

from spaces.errors import InputError, unknown_name
from spaces.params import TrialParams
from spaces.policy_text import policy_text

Value = str | int | float | bool
PAIR_NAMES = ("backbone", "weights", "features", "policy", "strength")


@dataclass(frozen=True)
class Dimension:
    """One name of :class:`TrialParams` and the values that it may take.

    ``kind`` is ``choice`` (``choices``), ``float`` or ``int`` (``low`` to ``high``, both
    included, on a log scale if ``log``). ``when`` maps earlier names to the values under which
    this dimension exists; where it does not exist, the default of TrialParams holds. ``label`` is
    what the sampler calls it, where several dimensions share a name: an ``adamw_learning_rate``
    and a ``lion_learning_rate`` have ranges of their own and both set ``learning_rate``.
    """

    name: str
    kind: Literal["choice", "float", "int"]
    choices: tuple[Value, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    when: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    label: str = ""

    def __post_init__(self) -> None:
        """Refuse what no sampler could draw from."""
        object.__setattr__(self, "label", self.label or self.name)
        if self.name not in TrialParams.model_fields:
            raise InputError(f"space: {self.name!r} is not a parameter of a trial")
        if self.name == "policy":
            object.__setattr__(self, "choices", tuple(map(policy_text, self.choices)))
        if self.kind == "choice" and not self.choices:
            raise InputError(f"space: {self.name} has no choices")
        if self.kind != "choice" and not self.low <= self.high:
            raise InputError(f"space: {self.name}: low {self.low} is above high {self.high}")
        if self.log and self.low <= 0:
            raise InputError(f"space: {self.name}: a log scale needs low above 0, got {self.low}")
        for value in self.choices if self.kind == "choice" else (self.low, self.high):
            _refuse_what_no_trial_takes(self.name, value)

    def exists(self, chosen: Mapping[str, Value]) -> bool:
        """Say whether the values chosen so far call for this dimension."""
        return all(chosen.get(name) in values for name, values in self.when.items())

    def contains(self, value: Value) -> bool:
        """Say whether a sampler could have drawn ``value``."""
        if self.kind == "choice":
            return value in self.choices
        return isinstance(value, int | float) and self.low <= value <= self.high


def _refuse_what_no_trial_takes(name: str, value: Value) -> None:
    try:
        # A backbone is the one parameter without a default: any name serves to check the others.
        TrialParams.model_validate({"backbone": "any", name: value})
    except ValidationError as error:
        message = error.errors()[0]["msg"]
        raise InputError(f"space: {name} cannot be {value!r}: {message.lower()}.") from error


@dataclass(frozen=True)
class Space:
    """Dimensions in the order in which they are drawn."""

    dimensions: Sequence[Dimension]

    def draw(self, suggest: Callable[[Dimension], Value]) -> TrialParams:
        """Ask ``suggest`` for each dimension that exists, in order.

        Args:
            suggest: Draws one value of the dimension it is given.

        Returns:
            The point, checked.
        """
        chosen: dict[str, Value] = {}
        for dimension in self.dimensions:
            if dimension.exists(chosen):
                chosen[dimension.name] = suggest(dimension)
        return TrialParams.model_validate(chosen)

    def check_names(self, params: TrialParams) -> None:
        """Refuse a point whose backbone, weights or policy no trial of this space could have.

        A point that was read from a database may name code to import; a space comes from the
        sweep file.

        Raises:
            InputError: Naming the first such value.
        """
        for name in ("backbone", "weights", "policy"):
            dimensions = [d for d in self.dimensions if d.name == name]
            value = getattr(params, name)
            if dimensions and not any(d.contains(value) for d in dimensions):
                if name == "weights" and value == TrialParams(backbone=params.backbone).weights:
                    continue
                raise InputError(f"{name} = {value!r} lies outside the sweep's space")

    def labelled(self, point: Mapping[str, Value]) -> dict[str, Value]:
        """Translate a point, or a part of one, into the labels that the sampler knows.

        Args:
            point: Values by the names of TrialParams; those left out stay free.

        Returns:
            Values by label.

        Raises:
            InputError: If a name is no dimension of this space, or a value lies outside of it.
        """
        names = {dimension.name for dimension in self.dimensions}
        for name in point:
            if name not in names:
                raise unknown_name("parameter", name, names, "Widen the space to set it.")
        return {
            dimension.label: self._inside(dimension, point[dimension.name])
            for dimension in self.dimensions
            if dimension.name in point and dimension.exists({**point})
        }

    @staticmethod
    def _inside(dimension: Dimension, value: Value) -> Value:
        if not dimension.contains(value):
            known = dimension.choices or (dimension.low, dimension.high)
            raise InputError(
                f"{dimension.name} = {value!r} lies outside the space; known: "
                f"{', '.join(map(str, known))}. Widen the space to try it."
            )
        return value
