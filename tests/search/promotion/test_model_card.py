"""The page of a version says the facts, and never more than MLflow takes."""

import re
from dataclasses import replace

import pytest

from mlruns_config.registry.registry import MAX_DESCRIPTION
from objectives.evaluation.bootstrap import Estimate
from search.promotion.card_facts import CardFacts, ClassFacts, DataFacts, SearchFacts
from search.promotion.model_card import model_card
from tests.search.cli.test_reports import TOGETHER, promotion

CLASSES = [
    ClassFacts("a|b <i>", 120, 40, 0.9, 0.8, 0.7),
    ClassFacts("eosinophil", 90, 31, 0.95, 0.9, 0.85),
    ClassFacts("platelet", 12, 4, 1.0, 0.5, None),
]


def _facts(**changes: object) -> CardFacts:
    facts = CardFacts(
        promotion(passed=True),
        DataFacts("cells", "/data/cells.npz", "f" * 64, 96, 320, 222, 80, 75),
        CLASSES,
        SearchFacts(
            "blood",
            {"done": 30, "pruned": 8, "failed": 2},
            fine_tuned=5,
            sampler="tpe",
            folds=5,
            metric="accuracy",
            score="robust",
            shift="augmix",
            dimensions=[("backbone", "mobilenet_0.5, resnet"), ("dropout", "0 to 0.5")],
        ),
        {"gaussian_noise": Estimate(0.5, 0.4, 0.6), "jpeg": Estimate(0.7, 0.65, 0.75)},
    )
    return replace(facts, **changes)  # type: ignore[arg-type]


def _row(card: str, first: str) -> list[str]:
    (line,) = [line for line in card.splitlines() if line.startswith(f"| {first} |")]
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_scores_stand_with_their_intervals_beside_the_champion_before() -> None:
    card = model_card(_facts())
    assert _row(card, "clean") == ["clean", "0.9000", "0.8500 to 0.9500", "0.9200"]
    assert _row(card, "view")[-1] == "champion before (version 2)"
    assert _row(card, "gaussian noise") == ["gaussian noise", "0.5000", "0.4000 to 0.6000"]
    assert "| shifted |" not in card
    assert "calibration error 0.0200" in card
    assert "The gate: the gate's sentence. Looks at this holdout so far: 4." in card


def test_classes_stand_with_their_counts_and_names_break_no_table() -> None:
    card = model_card(_facts())
    assert _row(card, "eosinophil") == ["eosinophil", "90", "31", "0.9500", "0.9000", "0.8500"]
    (named,) = [line for line in card.splitlines() if line.startswith("| a\\|b")]
    assert named.startswith("| a\\|b &lt;i&gt; | 120 | 40 |")
    assert "lowest recall is platelet: 0.5000" in card
    assert "Fewer than 30 images were held out of platelet" in card


def test_data_search_and_use_are_said() -> None:
    card = model_card(_facts())
    assert f"fingerprint `{'f' * 64}`" in card
    assert "320 images, of which 222 were trained on, 80 held out (75 of them asked about)" in card
    assert "and 18 left out" in card
    assert "40 trials (30 done, 2 failed, 8 pruned), 5 of them fine-tuned" in card
    assert "- backbone: mobilenet\\_0.5, resnet" in card
    assert "foldsweep predict models:/cells/3 IMAGE..." in card
    assert 'mlflow.keras.load_model("models:/cells/3")' in card
    assert "resizes to 96 px inside" in card
    assert "12.3 ms" in card


@pytest.mark.parametrize(
    ("passed", "forced", "says"),
    [
        (True, False, "; passed the gate; champion before: 2."),
        (False, True, "; **forced past the gate**; champion before: 2."),
    ],
)
def test_a_forced_version_says_so_first(passed: bool, forced: bool, says: str) -> None:
    card = model_card(_facts(promotion=promotion(passed=passed, forced=forced)))
    assert says in card.split("\n\n")[0]


def test_a_challenger_that_was_refused_and_several_members_are_said() -> None:
    refused = replace(promotion(passed=False, lineup=TOGETHER), champion_before=None, version=4)
    first = model_card(_facts(promotion=refused)).split("\n\n")[0]
    assert "refused by the gate; there was no champion before" in first
    assert "average of trials 7 (0.60), 3 (0.40), the heaviest on small\\_cnn" in first


@pytest.mark.parametrize("n_classes", [60, 300, 3000])
def test_a_card_that_is_too_long_shows_the_worst_classes(n_classes: int) -> None:
    classes = [
        ClassFacts(f"class number {number} " * 8, 10, 50, 0.9, 0.5 + number / 10000, 0.4)
        for number in range(n_classes)
    ]
    facts = _facts(classes=classes)
    whole, short = model_card(facts), model_card(facts, most_characters=MAX_DESCRIPTION)
    assert whole.count("| class number") == n_classes
    assert len(short) <= MAX_DESCRIPTION
    shown = re.findall(r"^\| class number (\d+)", short, re.MULTILINE)
    assert shown == [str(number) for number in range(len(shown))]
    assert 4 <= len(shown) < n_classes
    assert f"out of {n_classes}" in short
    assert short.rstrip().splitlines()[-1].startswith("- dropout")
