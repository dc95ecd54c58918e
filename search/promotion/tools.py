"""What a promotion works with: how it refits, what it shows, where it goes to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mlruns_config.names import ALIAS_CHALLENGER
from mlruns_config.registry.alias_moves import MoveKind
from objectives.evaluation.holdout import HoldoutViews
from objectives.records import RowArray, Stage, TrialContext
from objectives.store.array_store import ArrayStore
from search.open_sweep import OpenSweep
from spaces.errors import InputError
from spaces.params import TrialParams

if TYPE_CHECKING:
    from objectives.networks.serving import TrainedNetwork

Refit = Callable[[TrialParams, Mapping[Stage, int], TrialContext], "TrainedNetwork"]
MakeViews = Callable[[RowArray], HoldoutViews]
Role = Literal["champion", "challenger"]


@dataclass(frozen=True)
class Target:
    """Where a promotion goes to."""

    model: str
    alias: str
    """The champion's: whoever carries it is compared with."""
    force: bool
    """Whether the champion's alias is moved though the gate says no."""
    role: Role = "champion"
    """What the new version is to become."""
    keep_refused: bool = False
    """Whether what the gate refuses becomes the challenger."""
    dry_run: bool = False
    """Whether nothing is registered and no alias moved."""

    def __post_init__(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            InputError: Saying which option to leave out.
        """
        if self.role == "challenger" and (self.force or self.keep_refused):
            raise InputError(
                "a challenger is registered whatever the gate says: leave --force and "
                "--keep-refused out, or promote as champion."
            )
        if self.force and self.keep_refused:
            raise InputError(
                "--force makes a champion of what the gate refuses, --keep-refused a challenger: "
                "leave one of them out."
            )
        if self.alias == ALIAS_CHALLENGER and (self.role == "challenger" or self.keep_refused):
            raise InputError(
                f"the alias {ALIAS_CHALLENGER!r} cannot be compared with and moved as the "
                "challenger's too: give the champion's with --alias."
            )

    def alias_for(self, *, passed: bool) -> str | None:
        """Give the alias that a version gets by the gate's answer; None if it is not registered."""
        if self.role == "challenger":
            return ALIAS_CHALLENGER
        if passed or self.force:
            return self.alias
        return ALIAS_CHALLENGER if self.keep_refused else None

    def move_kind(self, *, passed: bool) -> MoveKind:
        """Name the move of that alias for the model's history."""
        if self.alias_for(passed=passed) != self.alias:
            return "challenger"
        return "promotion" if passed else "forced promotion"


@dataclass(frozen=True)
class Tools:
    """What may differ from promotion to promotion."""

    refit: Refit
    views: MakeViews
    say: Callable[[str], None]


def own_refit(
    params: TrialParams, epochs: Mapping[Stage, int], context: TrialContext
) -> "TrainedNetwork":
    """Refit a trial; TensorFlow is loaded by the first call."""
    from objectives.refit import refit

    return refit(params, epochs, context)


def own_views(opened: OpenSweep) -> MakeViews:
    """Give what shows held-out rows under a fresh draw of the shift, and under all corruptions."""
    from objectives.evaluation.holdout_views import make_holdout_views

    file, data = opened.file, opened.prepared.data
    store = ArrayStore(opened.settings.home / "store", max_bytes=opened.settings.store_bytes)
    return lambda rows: make_holdout_views(
        data, rows, file.validation, seed=file.search.seed, store=store
    )


def say_nothing(text: str) -> None:
    """Take no notice of progress."""
