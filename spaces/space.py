"""A conditional space: dimensions in order, some of which exist only under a choice made before."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import ValidationError

from spaces.errors import InputError
from spaces.params import FINETUNE_NAMES, TrialParams
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
    and a ``lion_learning_rate`` have ranges of their own and both set ``learning_rate``. ``stage``
    says when it is drawn: with the trial, or when the fine-tuning of its heads begins.
    """

    name: str
    kind: Literal["choice", "float", "int"]
    choices: tuple[Value, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    when: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    label: str = ""
    stage: Literal["head", "finetune"] = "head"

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

    @property
    def condition(self) -> str:
        """Where it exists, in words: ``optimizer is adamw or lion``."""
        return " and ".join(
            f"{name} is {' or '.join(map(str, values))}" for name, values in self.when.items()
        )

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
        """Ask ``suggest`` for each dimension of a head that exists, in order.

        Args:
            suggest: Draws one value of the dimension it is given.

        Returns:
            The point, checked.
        """
        chosen: dict[str, Value] = {}
        for dimension in self.dimensions:
            if dimension.stage == "head" and dimension.exists(chosen):
                chosen[dimension.name] = suggest(dimension)
        return TrialParams.model_validate(chosen)

    def draw_finetuning(
        self, head: TrialParams, suggest: Callable[[Dimension], Value]
    ) -> TrialParams:
        """Ask ``suggest`` for what a head leaves open, in order.

        Args:
            head: From :meth:`draw`.
            suggest: Draws one value of the dimension it is given.

        Returns:
            The head's point with fine-tuning's own parameters, checked.
        """
        chosen = head.model_dump(exclude_unset=True)
        # What the space does not draw is from now on as decided as what it does.
        chosen |= head.model_dump(include=set(FINETUNE_NAMES))
        for dimension in self.dimensions:
            if dimension.stage == "finetune" and dimension.exists(chosen):
                chosen[dimension.name] = suggest(dimension)
        return TrialParams.model_validate(chosen)

    def head_dimensions(self, head: TrialParams) -> list[Dimension]:
        """List the dimensions from which a head can have been drawn, in order."""
        chosen = head.model_dump(exclude_unset=True)
        return [
            dimension
            for dimension in self.dimensions
            if dimension.stage == "head"
            and dimension.name in chosen
            and dimension.exists(chosen)
            and dimension.contains(chosen[dimension.name])
        ]

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
