"""A conditional space: dimensions in order, some of which exist only under a choice made before."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from spaces.errors import InputError
from spaces.params import TrialParams

Value = str | int | float | bool
PAIR_NAMES = ("backbone", "weights", "policy", "strength")


@dataclass(frozen=True)
class Dimension:
    """One name of :class:`TrialParams` and the values that it may take.

    ``kind`` is ``choice`` (``choices``), ``float`` or ``int`` (``low`` to ``high``, both
    included, on a log scale if ``log``). ``when`` maps earlier names to the values under which
    this dimension exists; where it does not exist, the default of TrialParams holds.
    """

    name: str
    kind: Literal["choice", "float", "int"]
    choices: tuple[Value, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    when: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what no sampler could draw from."""
        if self.name not in TrialParams.model_fields:
            raise InputError(f"space: {self.name!r} is not a parameter of a trial")
        if self.kind == "choice" and not self.choices:
            raise InputError(f"space: {self.name} has no choices")
        if self.kind != "choice" and not self.low <= self.high:
            raise InputError(f"space: {self.name}: low {self.low} is above high {self.high}")
        if self.log and self.low <= 0:
            raise InputError(f"space: {self.name}: a log scale needs low above 0, got {self.low}")

    def exists(self, chosen: Mapping[str, Value]) -> bool:
        """Say whether the values chosen so far call for this dimension."""
        return all(chosen.get(name) in values for name, values in self.when.items())

    def contains(self, value: Value) -> bool:
        """Say whether a sampler could have drawn ``value``."""
        if self.kind == "choice":
            return value in self.choices
        return isinstance(value, int | float) and self.low <= value <= self.high


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
