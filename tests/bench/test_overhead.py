"""How seconds are booked on the innermost watched function, by a clock that is set by hand."""

import pytest

from bench.overhead import ExclusiveWatch, shares


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Work:
    """Functions that take the seconds that they are said to."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def loop(self) -> None:
        self._clock.now_s += 1
        self.train()
        self._clock.now_s += 2

    def train(self) -> None:
        self._clock.now_s += 10
        self.save()
        self._clock.now_s += 20

    def save(self) -> None:
        self._clock.now_s += 100


def test_a_second_is_booked_once_on_the_innermost_function() -> None:
    clock = Clock()
    watch = ExclusiveWatch(clock)
    targets = [(Work, "loop", "other"), (Work, "train", "training"), (Work, "save", "checkpoints")]
    with watch.watching(targets):
        work = Work(clock)
        work.save()  # Outside of the loop: not counted.
        work.loop()
    work.loop()
    assert dict(watch.seconds) == {"other": 3, "training": 30, "checkpoints": 100}


def test_the_overhead_is_all_but_data_training_and_evaluation() -> None:
    found = shares(
        {"training": 60.0, "data": 20.0, "evaluation": 15.0, "Optuna": 4.0, "other": 1.0}
    )
    assert found["overhead"] == pytest.approx(0.05)
    assert found["seconds"] == 100
    assert list(found["shares"]) == ["training", "data", "evaluation", "Optuna", "other"]
