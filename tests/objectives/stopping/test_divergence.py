"""What is not a number ends a trial, with advice."""

import pytest

from objectives.stopping.divergence import refuse_divergence
from spaces.errors import TrialError


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_a_finite_number_ends_the_trial_with_advice(value: float) -> None:
    with pytest.raises(TrialError, match=r"the loss of fold 2 is not a number.*learning rate"):
        refuse_divergence(value, "the loss of fold 2")


def test_a_number_of_any_size_goes_on() -> None:
    for value in (0.0, -1e300, 1e300):
        refuse_divergence(value, "the score")
