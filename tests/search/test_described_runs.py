"""A real trial in both phases, and its promotion: MLflow then holds what the description says."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mlruns_config.client import connect
from mlruns_config.description.promotion import (
    ANSWERS_BESIDE,
    EXPERIMENT_TAGS,
    MODEL_TAGS,
    PROMOTION,
    VERSION_TAGS,
)
from mlruns_config.description.specs import MetricSpec, Spec
from mlruns_config.description.trial import OWN_ARTIFACT, TRIAL, TRIAL_ARTIFACTS
from mlruns_config.description.trial_metrics import OWN
from mlruns_config.names import (
    TAG_CLASS_LABELS,
    TAG_DRY_RUN,
    TAG_FINETUNE_REASON,
    TAG_GIT_COMMIT,
    TAG_REASON,
)
from mlruns_config.settings import TrackingSettings
from search.prediction.predict import predict
from search.sweep import Sweep

pytestmark = pytest.mark.slow

CLASSES = {"50%": (220, 30, 30), "a(b)": (30, 220, 30), "cat, dog": (30, 30, 220)}
LABELS = {"50%": "50", "a(b)": "a_b", "cat, dog": "cat_dog"}
VALUES = {
    "stage": "head|scratch|finetune",
    "fold": r"\d+",
    "view": "clean|shifted",
    "holdout_view": "clean|shifted|corrupted",
    "whose": "holdout|champion",
    "work": "views|features",
    "how": "made|reused|streamed",
    "section": "data|validation|train",
    "rows": "oof|holdout",
    "tempered": "before|after",
    "form": "ensemble|majority|symmetries",
    "model": "registered|single",
    "artifact": "|".join(re.escape(spec.name) for spec in TRIAL_ARTIFACTS),
}
OWN_NAMES = (OWN, OWN_ARTIFACT)


def _write_images(folder: Path) -> Path:
    """Noisy images of three colours, in a folder a class."""
    random = np.random.default_rng(3)
    for name, colour in CLASSES.items():
        (folder / name).mkdir(parents=True)
        for number in range(30):
            noise = random.integers(-30, 31, (20, 20, 3))
            pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


class Held:
    """What MLflow holds of a sweep after a trial and its promotion."""

    def __init__(self, home: Path, data: Path) -> None:
        content = {
            "sweep": "colours",
            "data": {"path": str(data), "image_px": 16, "exclude": "none", "holdout": 0.4},
            "validation": {"folds": 2},
            "train": {"head_epochs": 2, "finetune_epochs": 4},
            "space": "tests.search.two_phase_space:SPACE",
            "budget": {"trials": 1},
        }
        sweep = Sweep.from_mapping(content)
        sweep.work()
        self.record = sweep.trial(0)
        self.status = sweep.status()
        self.promotions = [sweep.promote(force=True), sweep.promote(force=True)]
        self.tracking = TrackingSettings.from_environment(home)
        self.client = connect(self.tracking)
        self.experiment = self.client.get_experiment_by_name("colours")

    def run(self, run_id: str) -> Any:
        return self.client.get_run(run_id).data

    def artifacts(self, run_id: str, folder: str | None = None) -> Iterator[str]:
        for entry in self.client.list_artifacts(run_id, folder):
            if entry.is_dir:
                yield from self.artifacts(run_id, entry.path)
            else:
                yield entry.path


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    folder = tmp_path_factory.mktemp("described")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOLDSWEEP_HOME", str(folder / "home"))
        patch.setenv("CUDA_VISIBLE_DEVICES", "-1")
        patch.delenv("FOLDSWEEP_STORAGE_URL", raising=False)
        # MLflow's client looks artifacts up at the address of the process.
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/home/mlflow.db")
        yield Held(folder / "home", _write_images(folder / "images"))


def _compare(found: Iterable[str], specs: Sequence[Spec], *, absent: Sequence[str] = ()) -> None:
    """See that each name found is described, and each description found but for some."""
    found = set(found)
    patterns = {spec.name: _pattern(spec.name) for spec in specs if spec not in OWN_NAMES}
    undescribed = [n for n in found if not any(p.fullmatch(n) for p in patterns.values())]
    assert undescribed == []
    missing = [name for name, pattern in patterns.items() if not any(map(pattern.fullmatch, found))]
    assert sorted(missing) == sorted(absent)


def _pattern(name: str) -> re.Pattern[str]:
    """Give a pattern of the names that a description stands for."""
    parts = re.split(r"\{(\w+)\}", name)
    filled = [
        f"(?:{VALUES.get(part, '[^/]+')})" if place % 2 else re.escape(part)
        for place, part in enumerate(parts)
    ]
    return re.compile("".join(filled))


def test_a_trials_run_holds_what_is_described_and_nothing_else(held: Held) -> None:
    assert (held.record.state, held.record.stage) == ("done", "finetune")
    data = held.run(str(held.record.run_id))
    _compare(data.params, TRIAL.params)
    absent = [TAG_REASON, TAG_FINETUNE_REASON, TAG_GIT_COMMIT]
    _compare(set(data.tags) - {TAG_GIT_COMMIT}, TRIAL.tags, absent=absent)
    _compare(data.metrics, TRIAL.metrics)
    _compare(held.artifacts(str(held.record.run_id)), TRIAL.artifacts)


def test_metrics_without_a_curve_have_a_value_for_the_better_phase_and_curves_one_an_epoch(
    held: Held,
) -> None:
    run_id = str(held.record.run_id)
    for name in held.run(run_id).metrics:
        fitting = (s for s in TRIAL.metrics if s is not OWN and _pattern(s.name).fullmatch(name))
        # What is named outright comes before what fits many stages.
        spec = next(fitting)
        points = len(held.client.get_metric_history(run_id, name))
        assert points == _expected_points(name, spec, points), name


def _expected_points(name: str, spec: MetricSpec, points: int) -> int:
    stage = name.partition("/")[0]
    if spec.step.startswith("epoch"):
        return {"head": 2, "finetune": 4}[stage]
    if spec.step.startswith("sample"):
        return points
    # The second phase was better, so its values came after those of the first.
    return 1 if stage in ("head", "finetune", "cost") else 2


def test_a_promotions_run_and_version_hold_what_is_described_and_nothing_else(held: Held) -> None:
    with_champion = held.promotions[1]
    data = held.run(with_champion.run_id)
    _compare(data.params, PROMOTION.params)
    _compare(data.tags, PROMOTION.tags, absent=[TAG_DRY_RUN])
    # There was but one trial to choose from.
    compared = [f"choice/{{form}}_{what}" for what in ("score", "gain", "gain_low", "gain_high")]
    _compare(data.metrics, PROMOTION.metrics, absent=compared)
    artifacts = held.artifacts(with_champion.run_id)
    _compare(artifacts, PROMOTION.artifacts, absent=[ANSWERS_BESIDE.name])
    version = held.client.get_model_version("colours", str(with_champion.version))
    _compare(version.tags, VERSION_TAGS)
    _compare(held.experiment.tags, EXPERIMENT_TAGS)
    moves = held.client.get_registered_model("colours").tags
    assert len(moves) == len(held.promotions)
    _compare({".".join(tag.split(".")[:2]) for tag in moves}, MODEL_TAGS)


def test_classes_of_any_name_keep_their_metrics_and_their_names(held: Held, tmp_path: Path) -> None:
    data = held.run(str(held.record.run_id))
    for view in ("clean", "shifted"):
        for name, label in LABELS.items():
            scores = held.record.summaries[view]["classes"][name]
            for kind in ("precision", "recall", "f1"):
                assert data.metrics[f"{view}/{kind}/{label}"] == scores[kind]
    assert json.loads(data.tags[TAG_CLASS_LABELS]) == LABELS
    Image.new("RGB", (20, 20), CLASSES["cat, dog"]).save(tmp_path / "blue.png")
    (answer,) = predict("models:/colours@champion", [tmp_path / "blue.png"], tracking=held.tracking)
    assert set(answer["probabilities"]) == set(CLASSES)


def test_status_sums_what_trials_shared(held: Held) -> None:
    run_id = str(held.record.run_id)
    for work in ("views", "features"):
        for how in ("made", "reused", "streamed"):
            history = held.client.get_metric_history(run_id, f"sharing/{work}_{how}")
            assert held.status.shared[work][how] == sum(point.value for point in history)
