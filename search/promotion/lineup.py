"""Who answers: the trials that a promotion refits, and how much each of them counts."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from objectives.ensembles.choosing import Choice, EnsembleSize, choose
from objectives.ensembles.combining import Combination
from objectives.ensembles.symmetries import Symmetry
from search.open_sweep import OpenSweep
from search.promotion.candidate import Candidate, find_candidate, finished_candidates
from search.promotion.predictions import Gathered, gather_predictions
from search.promotion.turning import Turner
from search.storage.records import Slot
from spaces.errors import InputError

MAX_CANDIDATES = 60
"""The best trials of which an ensemble is made: those behind them seldom add what a rank costs."""


@dataclass(frozen=True)
class Member:
    """A trial that answers, alone or among others."""

    candidate: Candidate
    weight: float = 1.0
    temperature: float = 1.0
    symmetry: Symmetry = "none"


@dataclass(frozen=True)
class Lineup:
    """All that answer, the heaviest first."""

    members: tuple[Member, ...]
    combination: Combination = "average"
    temperature: float = 1.0
    """Of what they say together."""
    choice: Choice | None = None
    """What was compared; None where there were no predictions to choose or calibrate by."""
    left_out: Mapping[int, str] = field(default_factory=dict)
    """Trials without predictions to choose by, each with the reason."""

    @property
    def trials(self) -> tuple[int, ...]:
        """Their numbers."""
        return tuple(member.candidate.trial for member in self.members)

    @property
    def weights(self) -> dict[int, float]:
        """Their weights, by number."""
        return {member.candidate.trial: member.weight for member in self.members}

    @property
    def name(self) -> str:
        """What to call them in a few words."""
        heaviest = self.trials[0]
        return f"trial {heaviest}" if len(self.members) == 1 else f"{len(self.members)} trials"


def choose_lineup(
    opened: OpenSweep,
    *,
    slots: Sequence[Slot],
    trial: int | None,
    size: EnsembleSize,
    on_progress: Callable[[str], None],
) -> Lineup:
    """Choose by out-of-fold predictions, on which nothing was trained.

    Args:
        opened: The sweep.
        slots: Its slots, or those of the trials to choose from.
        trial: The number of the one that is to answer alone; None leaves it to ``size``.
        size: As :func:`objectives.ensembles.choosing.choose` takes it.
        on_progress: Hears what is being done.

    Raises:
        InputError: If there is no such trial, or more than one is to answer with it.
        UnavailableError: If MLflow does not answer.
    """
    if trial is not None and isinstance(size, int):
        raise InputError(
            f"--trial {trial} answers by itself, and --ensemble {size} asks for several trials; "
            "leave one of them out."
        )
    candidates = _candidates(opened, slots, trial, size, on_progress)
    gathered = gather_predictions(opened, candidates, on_progress)
    if not gathered.candidates:
        return Lineup((Member(candidates[0]),), left_out=gathered.left_out)
    on_progress(f"choosing among {len(gathered.candidates)} trials")
    turner = Turner(opened, gathered, on_progress)
    choice = choose(
        gathered.table,
        size="none" if trial is not None else size,
        turn=turner,
        seed=opened.file.search.seed,
    )
    return _lineup(gathered, choice, turner.turned)


def _candidates(
    opened: OpenSweep,
    slots: Sequence[Slot],
    trial: int | None,
    size: EnsembleSize,
    on_progress: Callable[[str], None],
) -> list[Candidate]:
    """Give the trials to choose from, the best first; see that the space has what they name."""
    sweep = opened.file.sweep
    if trial is not None:
        finished = [find_candidate(slots, sweep, trial)]
    else:
        finished = finished_candidates(slots, sweep)
    for candidate in finished:
        opened.space.check_names(candidate.params)
    exportable = [candidate for candidate in finished if _is_exportable(opened, candidate)]
    best = finished[0]
    if not exportable:
        raise InputError(
            f"trial {best.trial} of {sweep} cannot be registered: its backbone "
            f"{best.params.backbone!r} is no Keras network, so there is no model to export"
            f"{'.' if trial is not None else ', and so it is with all others.'}"
        )
    if exportable[0] is not best:
        on_progress(
            f"trial {best.trial} has the best score and is left out: its backbone "
            f"{best.params.backbone!r} is no Keras network and cannot be exported"
        )
    return exportable[: 1 if size == "none" else MAX_CANDIDATES]


def _is_exportable(opened: OpenSweep, candidate: Candidate) -> bool:
    from objectives.networks.own_backbones import is_network

    return is_network(candidate.params.backbone, opened.file.data.image_px)


def _lineup(gathered: Gathered, choice: Choice, turned: Collection[int]) -> Lineup:
    mixture = choice.chosen.mixture
    members = [
        Member(
            gathered.candidates[place],
            weight,
            mixture.temperatures[place],
            choice.chosen.symmetry if place in turned else "none",
        )
        for place, weight in mixture.weights.items()
    ]
    return Lineup(
        tuple(sorted(members, key=lambda member: -member.weight)),
        mixture.combination,
        mixture.temperature,
        choice,
        gathered.left_out,
    )
