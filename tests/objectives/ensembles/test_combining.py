import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from objectives.ensembles.combining import combine

WEIGHTS = (0.5, 0.2, 0.3)


@pytest.fixture(scope="module")
def fitted() -> tuple[VotingClassifier, np.ndarray, list[np.ndarray]]:
    """Three classifiers that vote on digits, and what each of them says."""
    images, labels = load_digits(return_X_y=True)
    voters = [
        ("nb", GaussianNB(var_smoothing=0.1)),
        ("tree", DecisionTreeClassifier(max_depth=6, random_state=0)),
        ("linear", LogisticRegression(C=1e-4)),
    ]
    together = VotingClassifier(voters, voting="soft", weights=WEIGHTS)
    together.fit(images[:600], labels[:600])
    shown = images[600:]
    return together, shown, [voter.predict_proba(shown) for voter in together.estimators_]


def test_the_average_is_scikit_learns_soft_vote(
    fitted: tuple[VotingClassifier, np.ndarray, list[np.ndarray]],
) -> None:
    together, shown, members = fitted
    np.testing.assert_allclose(
        combine(members, WEIGHTS, "average"), together.predict_proba(shown), atol=1e-12
    )


def test_the_majority_is_scikit_learns_hard_vote(
    fitted: tuple[VotingClassifier, np.ndarray, list[np.ndarray]],
) -> None:
    _, _, members = fitted
    votes = np.stack([member.argmax(axis=1) for member in members])
    # With weights 0.5, 0.2 and 0.3 the last two together tie with the first.
    is_tie = (votes[1] == votes[2]) & (votes[0] != votes[1])
    together, shown, _ = fitted
    together.set_params(voting="hard")
    expected = together.predict(shown)
    together.set_params(voting="soft")
    answers = combine(members, WEIGHTS, "majority").argmax(axis=1)
    assert is_tie.any()
    np.testing.assert_array_equal(answers[~is_tie], expected[~is_tie])


def test_a_tie_of_votes_goes_to_the_class_that_is_likelier_on_average() -> None:
    sure, unsure = np.array([[0.1, 0.9, 0.0]]), np.array([[0.5, 0.1, 0.4]])
    answer = combine([unsure, sure], (0.5, 0.5), "majority")
    assert answer.argmax() == 1
    np.testing.assert_allclose(answer, [[0.5, 0.5, 0.0]], atol=1e-3)
    assert answer.sum() == pytest.approx(1)


def test_votes_count_by_weight_and_not_by_how_sure_they_are() -> None:
    members = [np.array([[0.51, 0.49]]), np.array([[0.0, 1.0]])]
    np.testing.assert_allclose(combine(members, (0.6, 0.4), "majority"), [[0.6, 0.4]], atol=1e-3)
    np.testing.assert_allclose(combine(members, (0.6, 0.4), "average"), [[0.306, 0.694]])
