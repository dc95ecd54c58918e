"""How several answers become one."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from objectives.ensembles.table import Probabilities

Combination = Literal["average", "majority"]
COMBINATIONS: tuple[Combination, ...] = ("average", "majority")
TIE_SHARE = 1e-3
"""What the average adds to a vote: less than a vote weighs, so that it settles ties alone."""


def combine(
    members: Sequence[Probabilities], weights: Sequence[float], how: Combination
) -> Probabilities:
    """Average probabilities, or let the members vote.

    Args:
        members: Probabilities of each, all of one shape ``(..., classes)``.
        weights: One a member, summing to 1.
        how: ``majority``: each member votes for its likeliest class, and the answer is the share
            of votes; votes that are equal are told apart by the average.
    """
    average: Probabilities = sum(
        (
            weight * member.astype(np.float64)
            for weight, member in zip(weights, members, strict=True)
        ),
        start=np.zeros(members[0].shape),
    )
    if how == "average":
        return average
    classes = np.eye(average.shape[-1])
    votes = sum(
        (
            weight * classes[member.argmax(axis=-1)]
            for weight, member in zip(weights, members, strict=True)
        ),
        start=np.zeros(average.shape),
    )
    return np.asarray((votes + TIE_SHARE * average) / (1 + TIE_SHARE))
