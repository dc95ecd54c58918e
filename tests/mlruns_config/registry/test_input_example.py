from pathlib import Path

import numpy as np
import pytest

from mlruns_config.registry.input_example import load_example
from mlruns_config.registry.versions import Version
from mlruns_config.settings import TrackingSettings
from spaces.errors import InputError
from tests.mlruns_config.hostile_models import plain_model, register_attack, save

pytestmark = pytest.mark.slow

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 21, 30, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> TrackingSettings:
    folder = tmp_path_factory.mktemp("mlflow")
    return TrackingSettings(f"sqlite:///{folder}/mlflow.db", str(folder / "artifacts"))


def registered(tracking: TrackingSettings, folder: Path, example: str | None) -> Version:
    """A version with that text for an input example, or with none."""

    def fill(model: Path, canary: Path) -> None:
        save(model, plain_model())
        if example is not None:
            (model / "input_example.json").write_text(example)

    return register_attack(tracking, folder.name, fill, folder / "model", folder / "canary")


def test_images_of_the_input_example_are_read(tracking: TrackingSettings, tmp_path: Path) -> None:
    content = str(IMAGES.tolist())
    version = registered(tracking, tmp_path, content)
    np.testing.assert_array_equal(load_example(tracking, version), IMAGES)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "has no input example"),
        ("{", "holds no 8-bit images"),
        pytest.param("[" * 100_000, "holds no 8-bit images", id="deep"),
        ("[[[[0, 0]]]]", r"int64 of shape \(1, 1, 1, 2\)"),
        ("[[[[0, 0, 300]]]]", "numbers from 0 to 300"),
        ("[[[[0.5, 0, 0]]]]", "float64"),
        ("[[[[0, 0, 0]]], [[[0, 0]]]]", "holds no 8-bit images"),
        ("[]", "holds no 8-bit images"),
        ('"models"', "holds no 8-bit images"),
    ],
)
def test_an_input_example_that_is_no_images_is_told(
    content: str | None, reason: str, tracking: TrackingSettings, tmp_path: Path
) -> None:
    version = registered(tracking, tmp_path, content)
    with pytest.raises(InputError, match=reason):
        load_example(tracking, version)
