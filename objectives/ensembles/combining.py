"""How several answers become one."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from objectives.ensembles.table import Probabilities

Combination = Literal["average", "majority"]
TIE_SHARE = 1e-3
"""What probabilities add to a vote: less than a vote weighs, so that they settle ties alone."""


def voices(members: Sequence[Probabilities], how: Combination) -> Sequence[Probabilities]:
    """Give what is averaged of each member: its probabilities, or its vote for the likeliest class.

    Votes that are equal are told apart by the probabilities.

    Args:
        members: Probabilities of each, shape ``(..., classes)``.
        how: ``majority`` lets them vote.
    """
    if how == "average":
        return members
    classes = np.eye(members[0].shape[-1])
    return [(classes[m.argmax(axis=-1)] + TIE_SHARE * m) / (1 + TIE_SHARE) for m in members]


def combine(
    members: Sequence[Probabilities], weights: Sequence[float], how: Combination
) -> Probabilities:
    """Average probabilities, or give the share of votes for each class.

    Args:
        members: Probabilities of each, all of one shape ``(..., classes)``.
        weights: One a member, summing to 1.
        how: See :func:`voices`.
    """
    heard = zip(weights, voices(members, how), strict=True)
    return sum((weight * voice for weight, voice in heard), start=np.zeros(members[0].shape))
