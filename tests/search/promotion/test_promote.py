import json

import numpy as np
import pytest

from mlruns_config import names
from mlruns_config.registry.loading import load_classifier
from mlruns_config.registry.registry import registry
from objectives.records import LabelledImages
from search.open_sweep import OpenSweep
from search.promotion.report import Promotion
from spaces.errors import InputError, RefusedError
from tests.search.promotion_home import BAD, CLASSES, CUSTOM, GOOD, Home

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("promotion"))


@pytest.fixture(scope="module")
def digits(home: Home) -> OpenSweep:
    return home.sweep("digits", np.arange(0, 537, 5))


@pytest.fixture(scope="module")
def first(home: Home, digits: OpenSweep) -> Promotion:
    """The best trial, promoted where there is no champion yet."""
    return home.promote(digits)


def test_the_best_trial_becomes_the_champion(home: Home, first: Promotion) -> None:
    shown = json.loads(json.dumps(first.to_json()))
    assert (shown["model"], shown["version"], shown["alias"]) == ("digits", 1, "champion")
    assert (shown["trials"], shown["passed"], shown["looks"]) == ([GOOD], True, 1)
    assert shown["champion_before"] is None
    for view in ("clean", "shifted", "corrupted"):
        low, high = shown["holdout"][view]["interval"]
        assert 0.5 < low <= shown["holdout"][view]["score"] <= high <= 1
    assert "majority class's rate" in shown["reason"]
    assert home.champion("digits") == 1


def test_the_registered_version_says_where_it_comes_from(home: Home, first: Promotion) -> None:
    tags = home.version_tags("digits", 1)
    assert tags[names.TAG_SWEEP] == "digits"
    assert tags[names.TAG_TRIAL] == str(GOOD)
    assert tags[names.TAG_FINGERPRINT] == "f" * 64
    assert tags[names.TAG_FOLD_HASH] == "a" * 64
    assert json.loads(tags[names.TAG_CLASS_NAMES]) == list(CLASSES)
    assert json.loads(tags[names.TAG_HOLDOUT]) == first.to_json()["holdout"]
    assert (tags[names.TAG_GATE], tags[names.TAG_VERIFIED]) == ("passed", "yes")
    assert tags[names.TAG_REASON] == first.reason


def test_the_registered_model_scores_on_the_holdout_what_was_reported(
    home: Home, digits: OpenSweep, first: Promotion
) -> None:
    classifier = load_classifier(home.tracking, "models:/digits@champion")
    rows = digits.prepared.splits.holdout_rows
    answers = classifier.predict(home.data.images[rows]).argmax(axis=1)
    assert np.mean(answers == home.data.labels[rows]) == pytest.approx(first.holdout.clean.score)
    assert first.decision.score == pytest.approx(
        (first.holdout.clean.score + first.holdout.shifted.score) / 2  # type: ignore[union-attr]
    )


def test_the_run_holds_curves_scores_and_pictures(home: Home, first: Promotion) -> None:
    with registry(home.tracking) as client:
        run = client.get_run(first.run_id)
        curve = client.get_metric_history(first.run_id, f"refit/trial_{GOOD}/scratch_loss")
        files = {entry.path for entry in client.list_artifacts(first.run_id)}
    assert run.info.run_name == f"promote-digits-trial-{GOOD}"
    assert run.info.status == "FINISHED"
    assert [point.step for point in curve] == [0, 1, 2, 3]
    assert run.data.metrics["holdout/shifted"] == pytest.approx(first.holdout.shifted.score)  # type: ignore[union-attr]
    assert {"holdout_scores.png", "holdout_confusion.png"} <= files


def test_a_worse_challenger_is_refused_and_not_registered(
    home: Home, digits: OpenSweep, first: Promotion
) -> None:
    refused = home.promote(digits, BAD)
    assert not refused.passed
    assert (refused.version, refused.alias, refused.champion_before) == (None, None, 1)
    assert refused.decision.interval[1] < -0.01
    assert "against the champion's" in refused.reason
    assert refused.champion_holdout is not None
    assert refused.champion_holdout.clean == first.holdout.clean
    assert home.champion("digits") == 1
    with registry(home.tracking) as client:
        assert len(client.search_model_versions("name='digits'")) == 1
        assert client.get_run(refused.run_id).data.tags[names.TAG_GATE] == "failed"


def test_force_registers_a_refused_challenger_and_says_so(
    home: Home, digits: OpenSweep, first: Promotion
) -> None:
    before = home.storage.promotions.all()
    forced = home.promote(digits, BAD, model="forced", force=True)
    assert not forced.passed
    assert forced.forced
    assert (forced.version, forced.alias) == (1, "champion")
    assert home.version_tags("forced", 1)[names.TAG_GATE] == "forced"
    look = home.storage.promotions.all()[-1]
    assert (look.forced, look.passed, look.version) == (True, False, 1)
    assert forced.looks == len(before) + 1


def test_a_promotion_that_is_killed_leaves_the_alias_alone_and_its_look_counted(
    home: Home, digits: OpenSweep, first: Promotion
) -> None:
    looks_before = len(home.storage.promotions.all())

    def kill(text: str) -> None:
        if text.startswith("loading"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        home.promote(digits, GOOD, model="killed", on_progress=kill)
    assert home.champion("killed") is None
    assert home.version_tags("killed", 1)[names.TAG_VERIFIED] == "no"
    book = home.storage.promotions.all()
    assert len(book) == looks_before + 1
    assert (book[-1].version, book[-1].aliased_at) == (None, None)
    with registry(home.tracking) as client:
        assert client.get_run(book[-1].run_id).info.status == "KILLED"


def test_a_model_that_others_cannot_load_never_gets_the_alias(
    home: Home, digits: OpenSweep
) -> None:
    with pytest.raises(RefusedError, match="cannot be loaded in a process without foldsweep"):
        home.promote(digits, CUSTOM, model="custom", force=True)
    assert home.champion("custom") is None
    assert home.version_tags("custom", 1)[names.TAG_VERIFIED] == "no"


def test_images_that_the_champion_was_trained_on_do_not_count(home: Home, first: Promotion) -> None:
    # This sweep holds other rows out, most of which the champion was trained on.
    wider = home.sweep("wider", np.arange(0, 537, 2)[:270])
    found = home.promote(wider, BAD, model="digits")
    both = np.intersect1d(np.arange(0, 537, 5), np.arange(0, 537, 2)[:270])
    assert found.decision.n_images == len(both)
    assert not found.passed


def test_a_champion_of_other_classes_is_refused_before_anything_is_trained(
    home: Home, first: Promotion
) -> None:
    other = Home.__new__(Home)
    other.__dict__.update(home.__dict__)
    other.data = LabelledImages(
        home.data.images, home.data.labels, ("a", "b", "c"), home.data.content_hashes, "f" * 64
    )
    sweep = other.sweep("letters", np.arange(0, 537, 5))
    with pytest.raises(InputError, match=r"knows the classes null, eins, zwei.*--model"):
        other.promote(sweep, GOOD, model="digits")


def test_a_trial_that_is_not_there_is_wrong_input(home: Home, digits: OpenSweep) -> None:
    with pytest.raises(
        InputError, match="trial 99 of digits does not exist; finished are: 0, 1, 2"
    ):
        home.promote(digits, 99)


def test_a_sweep_that_holds_nothing_out_cannot_be_promoted(home: Home) -> None:
    with pytest.raises(InputError, match=r"data\.holdout above 0"):
        home.promote(home.sweep("greedy", np.empty(0, dtype=np.int64)))


def test_a_sweep_without_finished_trials_cannot_be_promoted(home: Home) -> None:
    with pytest.raises(InputError, match="no trial of idle is finished"):
        home.promote(home.sweep("idle", np.arange(9), finished=False))


def test_a_reserved_alias_is_refused_before_anything_is_trained(
    home: Home, digits: OpenSweep
) -> None:
    looks = len(home.storage.promotions.all())
    with pytest.raises(InputError, match="latest"):
        home.promote(digits, GOOD, alias="latest")
    assert len(home.storage.promotions.all()) == looks
