import re

from mlruns_config import names
from mlruns_config.description.page import PLACEHOLDERS, page
from mlruns_config.description.promotion import (
    EXPERIMENT_TAGS,
    MODEL_TAGS,
    PROMOTION,
    VERSION_TAGS,
)
from mlruns_config.description.sweep import SWEEP
from mlruns_config.description.trial import FINETUNE_PARAMS, TRIAL, TRIAL_PARAMS
from spaces.params import FINETUNE_NAMES, TrialParams
from tests.docs.pages import ROOT


def test_the_page_is_what_the_description_says() -> None:
    assert (ROOT / "docs" / "mlflow.md").read_text("utf-8") == page()


def test_every_part_of_a_name_that_differs_is_explained_and_no_other() -> None:
    specs = [
        spec
        for run in (TRIAL, PROMOTION, SWEEP)
        for spec in (*run.params, *run.tags, *run.metrics, *run.artifacts)
    ]
    used = {part for spec in specs for part in re.findall(r"\{(\w+)\}", spec.name)}
    assert used == PLACEHOLDERS.keys()


def test_every_tag_that_has_a_name_is_described() -> None:
    described = {
        tag.name
        for tags in (
            TRIAL.tags,
            PROMOTION.tags,
            SWEEP.tags,
            VERSION_TAGS,
            MODEL_TAGS,
            EXPERIMENT_TAGS,
        )
        for tag in tags
    }
    named = {value for name, value in vars(names).items() if name.startswith("TAG_")}
    assert named == described


def test_the_parameters_of_a_trial_are_those_of_a_point_of_the_space() -> None:
    described = [param.name for param in (*TRIAL_PARAMS, *FINETUNE_PARAMS)]
    assert described == list(TrialParams.model_fields)
    assert tuple(param.name for param in FINETUNE_PARAMS) == FINETUNE_NAMES
