"""The table of what helps: each variant against its reference, on the same images."""

from bench.what_helps import VARIANTS, as_table


def test_every_variant_comes_after_the_one_that_it_is_compared_with() -> None:
    names = [variant.name for variant in VARIANTS]
    assert len(set(names)) == len(names)
    for place, variant in enumerate(VARIANTS):
        assert variant.against in names[: place + 1]


def test_the_table_says_no_gain_of_a_reference() -> None:
    row = {
        "backbone": "b",
        "variant": "deep",
        "against": "deep",
        "clean": 0.9,
        "shifted": 0.7,
        "robust": 0.8,
        "gain": 0.0,
        "gain_low": 0.0,
        "gain_high": 0.0,
        "warm_s": 3.2,
    }
    other = {**row, "variant": "last", "gain": -0.05, "gain_low": -0.07, "gain_high": -0.03}
    lines = as_table([row, other]).splitlines()
    assert lines[2] == "| b | deep | 0.900 | 0.700 | 0.800 |  |  | 3 |"
    assert lines[3] == "| b | last | 0.900 | 0.700 | 0.800 | -0.050 | -0.070 to -0.030 | 3 |"
