"""Single best, average, vote, and all over symmetries: what is taken has a gain that holds.

Each form is chosen without fold j and scored on fold j, so no row has a say in what answers about
it. A form is taken only if the lower bound of its gain over what was taken before it, resampled by
group, is above 0. The interval widens with the number of forms that are tried, so that the chance
to take any of them for nothing stays that of one.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Literal

from objectives.ensembles.calibration import CalibrationNumbers
from objectives.ensembles.combining import Combination
from objectives.ensembles.nested import (
    Chosen,
    Contender,
    Tables,
    choose_ensemble,
    choose_single,
    choose_symmetry,
    contend,
)
from objectives.ensembles.table import OofTable
from objectives.evaluation.bootstrap import (
    CONFIDENCE,
    Estimate,
    Replicates,
    draw_resamples,
    estimate,
    replicate,
)

Form = Literal["single", "ensemble", "majority", "symmetries"]
EnsembleSize = int | Literal["auto", "none"]
TurnMembers = Callable[[Collection[int]], Tables]
"""Gives tables in which these members answer over symmetries; the others, and those that cannot,
as they are. Empty if none of them can."""
ENSEMBLES: tuple[tuple[Form, Combination], ...] = (
    ("ensemble", "average"),
    ("majority", "majority"),
)
AUTO_MEMBERS = 8
"""Most different members where nobody says how many: each is refitted, and each is served."""


@dataclass(frozen=True)
class Comparison:
    """A form beside the one that was taken before it."""

    form: Form
    rival: Form
    score: float
    gain: Estimate
    """Over the rival's score, with an interval that holds for all comparisons together."""
    is_taken: bool


@dataclass(frozen=True)
class Choice:
    """What answers, and why."""

    chosen: Chosen
    """Chosen once more, on all rows."""
    single_score: float
    """Of the single best, chosen without each fold in turn."""
    comparisons: tuple[Comparison, ...]
    before: CalibrationNumbers
    """Of the chosen form out of fold, with every temperature 1."""
    after: CalibrationNumbers

    @property
    def score(self) -> float:
        """Of the chosen form, chosen without each fold in turn."""
        taken = [found.score for found in self.comparisons if found.is_taken]
        return taken[-1] if taken else self.single_score


def choose(
    table: OofTable, *, size: EnsembleSize = "auto", turn: TurnMembers | None = None, seed: int
) -> Choice:
    """Choose what answers: one trial, several, and over which symmetries of the square.

    Args:
        table: Out-of-fold predictions of the trials to choose from.
        size: ``auto`` takes what gains; a number takes an ensemble of at most so many trials
            whether it gains or not; ``none`` takes the single best as it is.
        turn: Makes members answer over symmetries; None goes without.
        seed: Of the resamples.
    """
    plain: Tables = {"none": table}
    single = contend(plain, lambda tables, _: Chosen(choose_single(tables["none"])))
    forms = ENSEMBLES if len(table.members) > 1 else ()
    judge = _Judge(table, single, n_forms=max(1, len(forms) + (turn is not None)), seed=seed)
    if size == "none":
        return judge.choice()
    for form, combination in forms:
        most = AUTO_MEMBERS if size == "auto" else size
        several = contend(plain, partial(_ensemble, most, combination))
        judge.hear(form, several, is_asked=size != "auto" and form == "ensemble")
    taken = judge.taken
    tables = {} if turn is None else turn(taken.members)
    if tables:
        over = contend(
            {**plain, **tables}, lambda t, fold: choose_symmetry(t, taken.chosen(fold).mixture)
        )
        judge.hear("symmetries", over)
    return judge.choice()


def _ensemble(most: int, combination: Combination, tables: Tables, _: int | None) -> Chosen:
    return Chosen(choose_ensemble(tables["none"], most, combination))


class _Judge:
    """Holds the form that is taken so far, and hears one after the other what may replace it."""

    def __init__(self, table: OofTable, single: Contender, *, n_forms: int, seed: int) -> None:
        self.taken = single
        self._form: Form = "single"
        self._comparisons: list[Comparison] = []
        self._table = table
        self._resamples = draw_resamples(table.groups, seed=seed)
        self._confidence = 1 - (1 - CONFIDENCE) / n_forms
        self._single_score = table.score(single.answers)

    def hear(self, form: Form, contender: Contender, *, is_asked: bool = False) -> None:
        paired = self._replicates(contender) - self._replicates(self.taken)
        gain = estimate(paired, confidence=self._confidence)
        is_taken = is_asked or gain.low > 0
        score = self._table.score(contender.answers)
        self._comparisons.append(Comparison(form, self._form, score, gain, is_taken))
        if is_taken:
            self.taken, self._form = contender, form

    def _replicates(self, contender: Contender) -> Replicates:
        table = self._table
        return replicate(table.labels, contender.answers, table.metric, self._resamples)

    def choice(self) -> Choice:
        return Choice(
            self.taken.of_all,
            self._single_score,
            tuple(self._comparisons),
            before=CalibrationNumbers.of(self._table.labels, self.taken.untempered),
            after=CalibrationNumbers.of(self._table.labels, self.taken.answers),
        )
