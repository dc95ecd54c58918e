"""Every way to answer is chosen without a fold and scored on that fold."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from objectives.ensembles.calibration import fit_temperature, temper
from objectives.ensembles.combining import Combination, voices
from objectives.ensembles.mixture import Mixture, fit_mixture
from objectives.ensembles.selection import select_members
from objectives.ensembles.symmetries import Symmetry
from objectives.ensembles.table import OofTable, Probabilities

Tables = Mapping[Symmetry, OofTable]
"""The same members and rows, each member's probabilities averaged over a symmetry."""


@dataclass(frozen=True)
class Chosen:
    """A way to answer: who, and how much of the square's symmetry each averages over."""

    mixture: Mixture
    symmetry: Symmetry = "none"

    def answer(self, tables: Tables) -> Probabilities:
        """Answer about the rows of the tables, shape ``(views, rows, classes)``."""
        return self.mixture.answer(tables[self.symmetry].members)


@dataclass(frozen=True)
class Contender:
    """A way to answer that was chosen without each fold in turn, and once on all of them."""

    without: tuple[Chosen, ...]
    """By the fold that had no say."""
    of_all: Chosen
    answers: Probabilities
    """About each row by what was chosen without its fold, shape ``(views, rows, classes)``."""
    untempered: Probabilities
    """The same with every temperature 1."""

    @property
    def members(self) -> set[int]:
        """All that were chosen once or more."""
        return {place for chosen in (*self.without, self.of_all) for place in chosen.mixture.draws}

    def chosen(self, without: int | None) -> Chosen:
        """Give what was chosen without a fold, or on all rows."""
        return self.of_all if without is None else self.without[without]


def contend(tables: Tables, choose: Callable[[Tables, int | None], Chosen]) -> Contender:
    """Choose without each fold and answer about it; then choose on all rows.

    Args:
        tables: With the symmetries that are open to choice; ``none`` is always there.
        choose: Chooses on the rows of the tables it is given, and hears which fold these leave
            out: None if none.
    """
    plain = tables["none"]
    answers, untempered = np.empty((2, *plain.members[0].shape))
    without = []
    for fold in range(int(plain.fold_of.max()) + 1):
        validates = plain.fold_of == fold
        chosen = choose(_rows(tables, ~validates), fold)
        mine = _rows(tables, validates)
        answers[:, validates] = chosen.answer(mine)
        untempered[:, validates] = Chosen(chosen.mixture.untempered(), chosen.symmetry).answer(mine)
        without.append(chosen)
    return Contender(tuple(without), choose(tables, None), answers, untempered)


def choose_single(table: OofTable) -> Mixture:
    """Take the member with the best mean over the folds: what the leaderboard has on top."""
    folds = [table.rows(table.fold_of == fold) for fold in np.unique(table.fold_of)]
    scores = [
        np.mean([fold.score(fold.members[place]) for fold in folds])
        for place in range(len(table.members))
    ]
    return fit_mixture(table, {int(np.argmax(scores)): 1})


def choose_ensemble(
    table: OofTable, max_members: int, combination: Combination = "average"
) -> Mixture:
    """Draw at most so many different members, tempered each before they are put together."""
    tempered = [temper(m, fit_temperature(table.labels, m)) for m in table.members]
    heard = voices(tempered, combination)
    draws = select_members(heard, table.score, max_members=max_members)
    return fit_mixture(table, draws, combination)


def choose_symmetry(tables: Tables, mixture: Mixture) -> Chosen:
    """Find over which symmetry a mixture's members answer best, the fewest turns among equals."""
    tried = [
        Chosen(fit_mixture(table, mixture.draws, mixture.combination), name)
        for name, table in tables.items()
    ]
    return max(tried, key=lambda c: tables[c.symmetry].score(c.answer(tables)))


def _rows(tables: Tables, kept: npt.NDArray[np.bool_]) -> Tables:
    return {symmetry: table.rows(kept) for symmetry, table in tables.items()}
