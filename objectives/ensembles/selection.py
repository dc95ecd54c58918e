"""Which trials answer together, and with which weights: greedy selection with replacement."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from objectives.ensembles.table import Probabilities

Score = Callable[[Probabilities], float]
Draws = Mapping[int, int]
"""How often each chosen member was drawn, by its place: its weight, before they sum to 1."""
MAX_DRAWS = 25
SMALLEST_GAIN = 1e-9
"""Rounding in a sum of probabilities is no gain."""


def select_members(
    members: Sequence[Probabilities],
    score: Score,
    *,
    max_members: int,
    max_draws: int = MAX_DRAWS,
) -> Draws:
    """Draw the member whose probabilities improve the average most, again and again.

    Begins with the best members together, as many as score best (sorted initialisation), and ends
    when no further draw improves the score.

    Args:
        members: Predictions of each, shape ``(views, rows, classes)``.
        score: Of the average, higher is better.
        max_members: Most different members.
        max_draws: Most draws, repeated ones counted.

    Source: Caruana et al. 2004, "Ensemble selection from libraries of models", ICML.
    """
    # A draw between equals goes to the member that is better alone.
    ranked = sorted(range(len(members)), key=lambda place: -score(members[place]))
    drawn, best = _best_prefix(members, ranked[: min(max_members, max_draws)], score)
    total = sum((members[place] for place in drawn), start=np.zeros(members[0].shape))
    while len(drawn) < max_draws:
        is_full = len(set(drawn)) >= max_members
        candidates = [place for place in ranked if place in drawn or not is_full]
        scores = [score((total + members[place]) / (len(drawn) + 1)) for place in candidates]
        chosen = int(np.argmax(scores))
        if scores[chosen] <= best + SMALLEST_GAIN:
            break
        best = scores[chosen]
        drawn.append(candidates[chosen])
        total = total + members[candidates[chosen]]
    return {place: drawn.count(place) for place in sorted(set(drawn))}


def _best_prefix(
    members: Sequence[Probabilities], ranked: Sequence[int], score: Score
) -> tuple[list[int], float]:
    """Take the first of the ranked members, as many as score best together."""
    total = np.zeros(members[0].shape)
    best, n_best = -np.inf, 0
    for n_drawn, place in enumerate(ranked, start=1):
        total = total + members[place]
        found = score(total / n_drawn)
        if found > best + SMALLEST_GAIN:
            best, n_best = found, n_drawn
    return list(ranked[:n_best]), best
