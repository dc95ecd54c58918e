"""The rule of each pruner, as numbers."""

from objectives.stopping.pruning import PercentileRule, percentile_rule


def test_the_worse_half_or_the_worst_quarter_is_stopped_at_four_looks() -> None:
    assert percentile_rule("median", epochs=40) == PercentileRule(50.0, 10, 10, 5)
    assert percentile_rule("percentile", epochs=8) == PercentileRule(75.0, 2, 2, 5)


def test_a_trial_of_few_epochs_is_looked_at_after_each() -> None:
    assert percentile_rule("median", epochs=3) == PercentileRule(50.0, 0, 1, 5)


def test_other_pruners_have_no_such_rule() -> None:
    assert percentile_rule("none", epochs=40) is None
    assert percentile_rule("hyperband", epochs=40) is None
