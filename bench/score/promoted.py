"""What a promotion would have made of a sweep at a moment, and when it would have been ready."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from bench.goes_on import GoesOn
from bench.progress import say
from mlruns_config.registry.saved_classifier import Classifier
from objectives.ensembles.choosing import EnsembleSize
from objectives.networks.serving import TrainedNetwork
from objectives.records import Phase
from objectives.refit import refit
from objectives.trial_inputs import TrialInputs
from search.open_sweep import OpenSweep
from search.promotion.challenger import build_challenger
from search.promotion.lineup import Lineup, Member, choose_lineup
from search.storage.records import Slot
from spaces.params import TrialParams

Trained = tuple[int, Phase]
"""A trial, as it was after a phase."""


@dataclass(frozen=True)
class Promoted:
    """A model, and what making it takes from the moment on at which it is asked for."""

    lineup: Lineup
    classifier: Classifier
    choosing_s: float
    refit_s: float

    @property
    def key(self) -> str:
        """Name what answers; equal for equal answers."""
        lineup = self.lineup
        members = [
            (m.candidate.trial, m.candidate.slot.phase, m.weight, m.temperature, m.symmetry)
            for m in lineup.members
        ]
        text = repr((members, lineup.combination, lineup.temperature))
        return sha256(text.encode()).hexdigest()[:16]

    def about(self) -> dict[str, Any]:
        """Give what a reader of the document wants to know."""
        choice = self.lineup.choice
        return {
            "trials": self.lineup.weights,
            "symmetry": self.lineup.members[0].symmetry,
            "score": None if choice is None else choice.score,
            "choosing_s": self.choosing_s,
            "refit_s": self.refit_s,
        }


@dataclass(frozen=True)
class _Refitted:
    network: TrainedNetwork
    training_s: float


@dataclass
class Promoter:
    """Makes models of a sweep's trials by the code of a promotion.

    A trial is refitted once, and its features are made once, however many candidates it is in; each
    candidate is charged with all of its members' seconds, as though it were the first.
    """

    opened: OpenSweep
    _refitted: dict[Trained, _Refitted] = field(default_factory=dict)
    _features_s: dict[tuple[str, ...], float] = field(default_factory=dict)

    def promote(self, slots: Sequence[Slot], size: EnsembleSize) -> Promoted:
        """Choose among some trials by their out-of-fold predictions, refit, and put together.

        Args:
            slots: Of trials that had ended.
            size: As ``promote --ensemble`` takes it.
        """
        began_s = time.perf_counter()
        lineup = choose_lineup(self.opened, slots=slots, trial=None, size=size, on_progress=say)
        choosing_s = time.perf_counter() - began_s
        members = [self._refit(member) for member in lineup.members]
        challenger = build_challenger(
            lineup,
            [member.network for member in members],
            image_px=self.opened.file.data.image_px,
            class_names=self.opened.prepared.data.class_names,
        )
        pairs = {member.candidate.params.pair for member in lineup.members}
        refit_s = sum(member.training_s for member in members)
        refit_s += sum(self._features_s[pair] for pair in pairs)
        return Promoted(lineup, challenger.classifier, choosing_s, refit_s)

    def _refit(self, member: Member) -> _Refitted:
        candidate = member.candidate
        trained = candidate.trial, candidate.slot.phase
        if trained in self._refitted:
            return self._refitted[trained]
        with tempfile.TemporaryDirectory() as folder:
            context = self.opened.context(Path(folder), GoesOn())
            self._make_features(candidate.params, TrialInputs.of_refit(candidate.params, context))
            began_s = time.perf_counter()
            network = refit(candidate.params, candidate.epochs, context)
        refitted = _Refitted(network, time.perf_counter() - began_s)
        say(f"sweep, trial {candidate.trial}: refitted in {refitted.training_s:.0f} s")
        return self._refitted.setdefault(trained, refitted)

    def _make_features(self, params: TrialParams, inputs: TrialInputs) -> None:
        """Make the features that a refit's head reads, if no earlier one has, and time that."""
        if params.pair in self._features_s:
            return
        began_s = time.perf_counter()
        for epoch in range(inputs.context.train.views):
            inputs.features_of_epoch(epoch)
        self._features_s[params.pair] = time.perf_counter() - began_s
