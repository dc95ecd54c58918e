import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric_name

from mlruns_config.description.labels import MAX_LABEL_LENGTH, metric_labels


def test_a_name_that_mlflow_allows_is_its_own_label() -> None:
    names = ["red cell", "T-zelle", "größe 1.5:2", "_", " a"]
    assert metric_labels(names) == {name: name for name in names}


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("a(b)", "a_b"),
        ("50%", "50"),
        ("cat, dog", "cat_dog"),
        ("a/b", "a_b"),
        ("line\nbreak", "line_break"),
        ("%", "unnamed"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("\udcff", "unnamed"),
    ],
)
def test_what_is_not_allowed_is_replaced_and_the_rest_stays_readable(name: str, label: str) -> None:
    assert metric_labels([name]) == {name: label}


def test_names_of_one_label_are_told_apart_and_allowed_names_keep_theirs() -> None:
    labels = metric_labels(["a(b)", "a/b", "a_b", "a_b-2"])
    assert labels == {"a_b": "a_b", "a_b-2": "a_b-2", "a(b)": "a_b-3", "a/b": "a_b-4"}
    assert list(labels) == ["a(b)", "a/b", "a_b", "a_b-2"]


def test_names_that_differ_only_behind_the_greatest_length_or_in_case_are_told_apart() -> None:
    long = "x" * MAX_LABEL_LENGTH
    labels = metric_labels([long + "1", long + "2", "Cat", "cat"])
    assert labels[long + "1"] == long
    assert labels[long + "2"] == long[:-2] + "-2"
    assert {labels["Cat"], labels["cat"]} == {"Cat", "cat-2"}


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(st.sampled_from("aA%(/ ._-2\n\x00é\u0301ß"), max_size=6), unique=True))
def test_labels_of_any_names_are_allowed_short_and_all_different(names: list[str]) -> None:
    labels = metric_labels(names)
    assert list(labels) == names
    assert len({label.casefold() for label in labels.values()}) == len(names)
    for label in labels.values():
        _validate_metric_name(f"shifted/precision/{label}")
        assert "/" not in label
        assert len(label) <= MAX_LABEL_LENGTH
