"""A trial whose loss or score is not a number."""

import math

from spaces.errors import TrialError


def refuse_divergence(value: float, what: str) -> None:
    """Give up on a trial whose training has diverged.

    Args:
        value: A loss or a score.
        what: What it is of, such as ``the score of fold 1 in epoch 3 of head``.

    Raises:
        TrialError: If it is not a finite number.
    """
    if not math.isfinite(value):
        raise TrialError(
            f"{what} is not a number ({value}): the loss has diverged; a lower learning rate or "
            "clip_norm: 1.0 may help"
        )
