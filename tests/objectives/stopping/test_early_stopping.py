"""A stage stops after so many epochs without a better score."""

import pytest

from objectives.stopping.early_stopping import Patience, patience_of


@pytest.mark.parametrize(
    ("epochs", "scores", "stops_after"),
    [
        (2, [0.1, 0.2, 0.2, 0.1], 4),  # An equal score is no better one.
        (2, [0.1, 0.1, 0.2, 0.1, 0.15], 5),
        (1, [0.5, 0.4], 2),
        (3, [0.5, 0.4, 0.4, 0.6], None),
        (0, [0.5] + [0.1] * 50, None),
    ],
)
def test_a_stage_stops_once_it_has_waited_as_long_as_its_patience(
    epochs: int, scores: list[float], stops_after: int | None
) -> None:
    patience = Patience(epochs)
    stopped = None
    for number, score in enumerate(scores, start=1):
        patience.note(score)
        if patience.exhausted and stopped is None:
            stopped = number
    assert stopped == stops_after


def test_a_cosine_is_not_cut_short() -> None:
    assert patience_of("cosine", 3) == 0
    assert patience_of("constant", 3) == 3
