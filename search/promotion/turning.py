"""Lets trials answer over flips and quarter turns, where the heads of their folds were kept."""

import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from objectives.ensembles.nested import Tables
from objectives.ensembles.symmetries import Symmetry
from objectives.ensembles.table import OofTable, Probabilities
from objectives.fold_heads import NAME, read_heads
from objectives.records import Stage
from search.open_sweep import OpenSweep
from search.promotion.candidate import Candidate
from search.promotion.predictions import Gathered, trial_file

if TYPE_CHECKING:
    from objectives.turned_predictions import FoldHeads


class Turner:
    """Makes tables in which members answer over the square's symmetries.

    Args:
        opened: The sweep.
        gathered: Its trials and what they say of images as they are.
        on_progress: Hears what is being done.
    """

    def __init__(
        self, opened: OpenSweep, gathered: Gathered, on_progress: Callable[[str], None]
    ) -> None:
        self.turned: set[int] = set()
        """Places of the members that could be turned."""
        self._opened = opened
        self._gathered = gathered
        self._say = on_progress

    def __call__(self, places: Collection[int]) -> Tables:
        """Turn members; those that were fine-tuned, or whose heads are gone, stay as they are."""
        found = {place: heads for place in sorted(places) if (heads := self._heads(place))}
        self.turned |= found.keys()
        said: dict[int, Mapping[Symmetry, Probabilities]] = {}
        for group in _by_backbone(found):
            said |= self._ask({place: found[place] for place in group})
        names = next(iter(said.values()), {})
        return {
            name: self._table({p: by_name[name] for p, by_name in said.items()}) for name in names
        }

    def _heads(self, place: int) -> "FoldHeads | None":
        candidate = self._gathered.candidates[place]
        if not _is_frozen(candidate):
            return None
        from objectives.turned_predictions import FoldHeads

        n_folds = self._opened.prepared.splits.n_folds
        with tempfile.TemporaryDirectory() as scratch:
            path = trial_file(self._opened, candidate, NAME, Path(scratch))
            heads = None if path is None else read_heads(path.parent)
        if heads is None or heads.keys() != set(range(n_folds)):
            return None
        return FoldHeads(candidate.params, heads)

    def _ask(self, group: Mapping[int, "FoldHeads"]) -> dict[int, Mapping[Symmetry, Probabilities]]:
        from objectives.turned_predictions import predict_turned

        backbone = next(iter(group.values())).params.backbone
        self._say(f"asking {len(group)} trials on {backbone} about flipped and turned images")
        with tempfile.TemporaryDirectory() as scratch:
            context = self._opened.context(Path(scratch), _Unheard())
            return dict(zip(group, predict_turned(list(group.values()), context), strict=True))

    def _table(self, turned: Mapping[int, Probabilities]) -> OofTable:
        plain = self._gathered.table
        members = [turned.get(place, member) for place, member in enumerate(plain.members)]
        return replace(plain, members=members)


class _Unheard:
    """The reporter of a context in which nothing is trained."""

    def report(self, stage: Stage, epoch: int, values: Mapping[int, float]) -> bool:  # noqa: ARG002
        """Go on."""
        return True


def _is_frozen(candidate: Candidate) -> bool:
    trained: Sequence[Stage] = [stage for stage, n in candidate.epochs.items() if n]
    return trained == ["head"]


def _by_backbone(found: Mapping[int, "FoldHeads"]) -> list[list[int]]:
    """Group members by what one forward pass serves."""

    def features(place: int) -> tuple[str, str, str]:
        params = found[place].params
        return params.backbone, params.weights, params.features

    return [list(group) for _, group in groupby(sorted(found, key=features), key=features)]
