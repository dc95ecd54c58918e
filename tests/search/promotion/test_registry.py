"""From promotion to rollback on a real registry: who moved what, and how versions compare."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlruns_config import names
from mlruns_config.description.promotion import HOLDOUT_ANSWERS, MODEL_CARD
from mlruns_config.registry.alias_moves import MoveReason, move_noting
from mlruns_config.registry.listing import ListedModel, read_model
from mlruns_config.registry.promotion_run import read_artifact
from mlruns_config.registry.registry import MAX_DESCRIPTION, registry, tag_version
from search.open_sweep import OpenSweep
from search.promotion.compare import compare_versions
from search.promotion.registered import history_document, model_document
from search.promotion.report import Promotion
from search.promotion.rollback import roll_back
from spaces.errors import InputError, RefusedError
from tests.search.promotion_home import BAD, GOOD, Home, make_views

pytestmark = pytest.mark.slow

MODEL = "cells"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("registry"))


@pytest.fixture(scope="module")
def cells(home: Home) -> OpenSweep:
    return home.sweep(MODEL, np.arange(0, 537, 5))


@pytest.fixture(scope="module")
def first(home: Home, cells: OpenSweep) -> Promotion:
    return home.promote(cells, GOOD)


@pytest.fixture(scope="module")
def shadow(home: Home, cells: OpenSweep, first: Promotion) -> Promotion:
    """What the gate refuses, kept as the challenger."""
    return home.promote(cells, BAD, keep_refused=True)


@pytest.fixture(scope="module")
def forced(home: Home, cells: OpenSweep, shadow: Promotion) -> Promotion:
    """What the gate refuses, made champion all the same."""
    return home.promote(cells, BAD, force=True)


def _listed(home: Home) -> ListedModel:
    return read_model(home.tracking, MODEL)


def _description(home: Home, version: int) -> str:
    with registry(home.tracking) as client:
        return str(client.get_model_version(MODEL, str(version)).description)


def test_a_dry_run_says_what_the_gate_says_and_registers_nothing(
    home: Home, cells: OpenSweep
) -> None:
    looks = len(home.storage.promotions.all())
    dry = home.promote(cells, GOOD, model="dry", dry_run=True)
    assert (dry.passed, dry.version, dry.alias, dry.destination) == (True, None, None, "champion")
    assert dry.to_json()["dry_run"] is True
    # Whoever has seen the gate's answer has looked.
    assert len(home.storage.promotions.all()) == looks + 1
    assert home.storage.promotions.all()[-1].aliased_at is None
    with registry(home.tracking) as client:
        assert "dry" not in [model.name for model in client.search_registered_models()]
        run = client.get_run(dry.run_id)
    assert run.data.tags[names.TAG_DRY_RUN] == "yes"
    assert run.info.run_name == "dry-run-cells-trial-0"
    refused = home.promote(cells, BAD, model="dry", dry_run=True)
    assert (refused.passed, refused.destination) == (False, None)


def test_the_page_of_a_version_is_made_of_its_facts(home: Home, first: Promotion) -> None:
    text = _description(home, 1)
    assert len(text) <= MAX_DESCRIPTION
    assert first.reason.replace("[", "\\[").replace("]", "\\]") in text
    assert f"| clean | {first.holdout.clean.score:.4f} | " in text
    assert "| null | " in text
    assert "foldsweep predict models:/cells/1" in text
    assert "537 images, of which 429 were trained on, 108 held out" in text


def test_the_whole_card_and_the_answers_lie_with_the_run(
    home: Home, first: Promotion, tmp_path: Path
) -> None:
    for name in (MODEL_CARD.name, HOLDOUT_ANSWERS.name):
        assert read_artifact(home.tracking, first.run_id, name, tmp_path) is not None
    assert (tmp_path / MODEL_CARD.name).read_text().startswith(_description(home, 1)[:200])


def test_what_the_gate_refuses_is_kept_as_challenger_if_that_is_wanted(
    home: Home, shadow: Promotion
) -> None:
    assert (shadow.passed, shadow.forced) == (False, False)
    assert (shadow.version, shadow.alias) == (2, "challenger")
    assert _listed(home).aliases == {"challenger": 2, "champion": 1}
    assert home.version_tags(MODEL, 2)[names.TAG_GATE] == "failed"
    look = home.storage.promotions.all()[-1]
    assert (look.alias, look.version, look.passed) == ("challenger", 2, False)


def test_the_history_alone_tells_a_forced_promotion_from_a_rollback(
    home: Home, first: Promotion, forced: Promotion
) -> None:
    back = roll_back(MODEL, reason="worse in the laboratory", settings=home.settings)
    assert back.version.number == 1
    document = json.loads(json.dumps(history_document(_listed(home))))
    told = [(m["kind"], m["alias"], m["before"], m["after"]) for m in document["history"]]
    assert told == [
        ("promotion", "champion", None, 1),
        ("challenger", "challenger", None, 2),
        ("forced promotion", "champion", 1, 3),
        ("rollback", "champion", 3, 1),
    ]
    assert all(move["who"] and move["at"] and move["carried_out"] for move in document["history"])
    forcing, rolling = document["history"][2:]
    assert (forcing["reason"], forcing["run_id"]) == (forced.reason, forced.run_id)
    assert forcing["figures"]["gate"]["difference"] == forced.decision.difference
    assert forcing["figures"]["looks"] == forced.looks
    assert rolling["reason"] == "worse in the laboratory"
    assert rolling["figures"]["to"]["clean"]["score"] == first.holdout.clean.score
    assert rolling["figures"]["from"]["clean"]["score"] == forced.holdout.clean.score
    assert home.champion(MODEL) == 1
    assert [version.number for version in _listed(home).versions] == [3, 2, 1]


def test_one_goes_back_only_to_what_carried_the_alias(home: Home, forced: Promotion) -> None:
    now = home.champion(MODEL)
    with pytest.raises(InputError, match=f"version {now} is cells@champion already"):
        roll_back(MODEL, reason="x", to=now, settings=home.settings)
    with pytest.raises(InputError, match=r"version 2 was never cells@champion.*known: [13]\."):
        roll_back(MODEL, reason="x", to=2, settings=home.settings)
    with pytest.raises(InputError, match="no version '9'"):
        roll_back(MODEL, reason="x", to=9, settings=home.settings)
    with pytest.raises(InputError, match="nothing is known of a version"):
        roll_back(MODEL, reason="x", alias="challenger", settings=home.settings)
    with pytest.raises(InputError, match="say in a sentence why"):
        roll_back(MODEL, reason="  ", settings=home.settings)
    with pytest.raises(InputError, match="has 1001 characters"):
        roll_back(MODEL, reason="x" * 1001, settings=home.settings)
    with pytest.raises(InputError, match="unknown registered model 'cell'"):
        roll_back("cell", reason="x", settings=home.settings)
    assert home.champion(MODEL) == now


def test_versions_are_listed_with_scores_verdict_and_origin(home: Home, forced: Promotion) -> None:
    document = model_document(_listed(home))
    third, second, first = document["versions"]
    assert [each["gate"] for each in (first, second, third)] == ["passed", "failed", "forced"]
    assert third["origin"] == {"kind": "trial", "sweep": MODEL, "trials": [BAD]}
    assert second["aliases"] == ["challenger"]
    clean, shifted = third["scores"]["clean"], third["scores"]["shifted"]
    assert clean["score"] == forced.holdout.clean.score
    assert clean["interval"] == [forced.holdout.clean.low, forced.holdout.clean.high]
    robust = (clean["score"] + shifted["score"]) / 2
    assert third["scores"]["robust"]["score"] == pytest.approx(robust)
    assert (third["verified"], third["looks"]) == (True, forced.looks)


def _compare(home: Home, *versions: str, **options: Any) -> dict[str, Any]:
    found = compare_versions(MODEL, *versions, settings=home.settings, **options)
    document: dict[str, Any] = json.loads(json.dumps(found.to_json()))
    return document


def test_a_comparison_with_the_champion_is_the_gates_and_opens_nothing(
    home: Home, shadow: Promotion
) -> None:
    looks = len(home.storage.promotions.all())
    found = _compare(home, "1", "challenger")
    difference = found["score"]["difference"]
    assert difference["score"] == pytest.approx(shadow.decision.difference)
    assert difference["interval"] == pytest.approx(list(shadow.decision.interval))
    assert (found["verdict"], found["would_pass"], found["looks"]) == ("worse", False, None)
    assert found["images"] == shadow.decision.n_images
    reverse = _compare(home, "2", "1")
    assert reverse["verdict"] == "better"
    assert reverse["counts"]["mended"] == found["counts"]["broken"]
    assert len(home.storage.promotions.all()) == looks


def test_versions_that_no_gate_compared_are_paired_by_what_both_kept(
    home: Home, forced: Promotion
) -> None:
    found = _compare(home, "2", "3")
    assert found["images"] == 108
    assert found["views"].keys() == {"clean", "shifted", "corrupted"}
    # Both are the same trial, refitted alike.
    assert found["score"]["difference"]["score"] == pytest.approx(0, abs=0.02)


def test_images_that_changed_are_drawn(home: Home, shadow: Promotion, tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "changed.png"
    found = _compare(
        home, "1", "2", picture=path, open_sweep=lambda name: home.sweep(name, np.arange(0, 537, 5))
    )
    assert found["picture"] == str(path)
    assert len(found["changed"]) > 8
    with Image.open(path) as picture:
        assert picture.width == 8 * 120
        assert picture.height >= 2 * 150


def _artifacts(home: Home, promotion: Promotion) -> Path:
    with registry(home.tracking) as client:
        uri = str(client.get_run(promotion.run_id).info.artifact_uri)
    return Path(uri.removeprefix("file://"))


def test_a_look_is_taken_only_if_it_is_asked_for_and_then_it_counts_and_is_kept(
    home: Home, cells: OpenSweep, first: Promotion, shadow: Promotion
) -> None:
    kept = [_artifacts(home, each) / HOLDOUT_ANSWERS.name for each in (first, shadow)]
    for path in kept:
        path.rename(path.with_suffix(".away"))
    before = len(home.storage.promotions.all())
    options = {"open_sweep": lambda name: cells, "views": make_views(home.data)}
    with pytest.raises(InputError, match=r"cells/1 answered.*was not kept.*with --look"):
        _compare(home, "1", "2", **options)
    looked = _compare(home, "1", "2", take_look=True, **options)
    book = home.storage.promotions.all()
    assert looked["looks"] == len(book) == before + 1
    assert len(book[-1].ids) == looked["images"] == 108
    assert looked["score"]["difference"]["score"] == pytest.approx(shadow.decision.difference)
    again = _compare(home, "1", "2")
    assert again == {**looked, "looks": None}
    assert len(home.storage.promotions.all()) == before + 1
    for path in kept:
        path.with_suffix(".away").rename(path)


def test_a_version_that_is_not_as_it_was_promoted_is_not_gone_back_to(
    home: Home, forced: Promotion
) -> None:
    now = home.champion(MODEL)
    to = 3 if now == 1 else 1
    version = _listed(home).version(str(to))
    tag_version(home.tracking, version, {names.TAG_VERIFIED: "no"})
    with pytest.raises(RefusedError, match="never verified"):
        roll_back(MODEL, reason="x", to=to, settings=home.settings)
    tag_version(home.tracking, version, {names.TAG_VERIFIED: "yes"})
    digest = version.tags[names.TAG_MODEL_SHA256]
    tag_version(home.tracking, version, {names.TAG_MODEL_SHA256: "0" * 64})
    with pytest.raises(RefusedError, match="is not the one of its promotion"):
        roll_back(MODEL, reason="x", to=to, settings=home.settings)
    tag_version(home.tracking, version, {names.TAG_MODEL_SHA256: digest})
    assert home.champion(MODEL) == now


def test_an_alias_that_moved_meanwhile_is_left_where_it_is(
    home: Home, forced: Promotion, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = home.champion(MODEL)
    to = 3 if now == 1 else 1

    def meanwhile(*_: object) -> None:
        version = _listed(home).version("2")
        move_noting(home.tracking, version, "champion", now, MoveReason("promotion", "quicker"))

    monkeypatch.setattr("search.promotion.rollback.check_file", meanwhile)
    with pytest.raises(RefusedError, match=f"moved from version {now} to 2 while"):
        roll_back(MODEL, reason="x", to=to, settings=home.settings)
    assert home.champion(MODEL) == 2


@pytest.mark.parametrize(
    ("versions", "says"),
    [(("1", "1"), "are one version"), (("1", "9"), "no version '9'"), (("x", "1"), "version 'x'")],
)
def test_versions_that_cannot_be_compared_are_wrong_input(
    home: Home, shadow: Promotion, versions: tuple[str, str], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        _compare(home, *versions)


def test_a_picture_that_has_no_place_is_refused_first(home: Home, tmp_path: Path) -> None:
    for path in (tmp_path / "none" / "x.png", tmp_path / "x.txt"):
        with pytest.raises(InputError, match="no place for a picture"):
            _compare(home, "1", "2", picture=path)
