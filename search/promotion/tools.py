"""What a promotion works with: how it refits, what it shows, where it goes to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from objectives.evaluation.holdout import HoldoutViews
from objectives.records import RowArray, Stage, TrialContext
from objectives.store.array_store import ArrayStore
from search.open_sweep import OpenSweep
from spaces.params import TrialParams

if TYPE_CHECKING:
    from objectives.networks.serving import TrainedNetwork

Refit = Callable[[TrialParams, Mapping[Stage, int], TrialContext], "TrainedNetwork"]
MakeViews = Callable[[RowArray], HoldoutViews]


@dataclass(frozen=True)
class Target:
    """Where a promotion goes to."""

    model: str
    alias: str
    force: bool


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
