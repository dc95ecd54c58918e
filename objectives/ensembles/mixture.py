"""An answer made of several: members with weights and temperatures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from objectives.ensembles.calibration import fit_temperature, temper
from objectives.ensembles.combining import Combination, combine
from objectives.ensembles.selection import Draws
from objectives.ensembles.table import OofTable, Probabilities


@dataclass(frozen=True)
class Mixture:
    """Members, tempered each, put together, and tempered as a whole."""

    draws: Draws
    """By the member's place in its table."""
    temperatures: Mapping[int, float]
    """Of each drawn member."""
    combination: Combination = "average"
    temperature: float = 1.0
    """Of what the members say together."""

    @property
    def weights(self) -> dict[int, float]:
        """The share of each member; they sum to 1."""
        n_drawn = sum(self.draws.values())
        return {place: draws / n_drawn for place, draws in self.draws.items()}

    def answer(self, members: Sequence[Probabilities]) -> Probabilities:
        """Answer by the probabilities of all members of the table."""
        tempered = [temper(members[place], self.temperatures[place]) for place in self.draws]
        together = combine(tempered, list(self.weights.values()), self.combination)
        return temper(together, self.temperature)

    def untempered(self) -> "Mixture":
        """Give the same with every temperature 1."""
        return replace(self, temperatures=dict.fromkeys(self.draws, 1.0), temperature=1.0)


def fit_mixture(table: OofTable, draws: Draws, combination: Combination = "average") -> Mixture:
    """Find the temperatures of drawn members, and of what they say together.

    Args:
        table: The rows to find them on.
        draws: The members.
        combination: How they are put together.
    """
    temperatures = {place: fit_temperature(table.labels, table.members[place]) for place in draws}
    mixture = Mixture(draws, temperatures, combination)
    if len(draws) == 1:
        return mixture
    together = mixture.answer(table.members)
    return replace(mixture, temperature=fit_temperature(table.labels, together))
