"""A sweep over a Keras network, a function and a file of embeddings of the user's."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from sklearn.datasets import load_digits

from search.storage.records import Slot
from search.sweep import Sweep
from spaces.errors import InputError

pytestmark = pytest.mark.slow

KERAS = "tests.objectives.tiny_backbone:tiny_backbone"
FUNCTION = "tests.objectives.vector_functions:block_means"
N_IMAGES, N_CLASSES = 240, 3


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sweep]:
    folder = tmp_path_factory.mktemp("own")
    digits = load_digits(n_class=N_CLASSES)
    grey = np.rint(digits.images[:N_IMAGES] * (255 / 16)).astype(np.uint8)
    images = np.repeat(np.repeat(grey, 4, axis=1), 4, axis=2)[..., None].repeat(3, axis=3)
    np.savez(folder / "digits.npz", images=images, labels=digits.target[:N_IMAGES])
    vectors = str(folder / "vectors.npy")
    # Embeddings that know each digit: nothing beats them.
    known = np.eye(N_CLASSES)[digits.target[:N_IMAGES]]
    np.save(vectors, np.hstack([known, np.zeros((N_IMAGES, 1))]))
    names = (KERAS, FUNCTION, vectors)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOLDSWEEP_HOME", str(folder / "home"))
        patch.setenv("CUDA_VISIBLE_DEVICES", "-1")
        patch.delenv("FOLDSWEEP_STORAGE_URL", raising=False)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/home/mlflow.db")
        sweep = Sweep.from_mapping(
            {
                "sweep": "own",
                "data": {
                    "path": str(folder / "digits.npz"),
                    "image_px": 32,
                    "exclude": "none",
                    "holdout": 0.3,
                },
                "validation": {"folds": 3, "shift": "none", "score": "clean"},
                "train": {"head_epochs": 8, "finetune_epochs": 1, "finetune_top": 1.0},
                "space": {
                    "base": "small",
                    "backbone": list(names),
                    "policy": "none",
                    "optimizer": "adamw",
                    "learning_rate": 0.01,
                    "batch_size": 32,
                },
                "recipes": [{"backbone": name} for name in names],
                "budget": {"trials": len(names)},
            }
        )
        sweep.work()
        yield sweep


def test_all_of_them_are_searched_and_networks_alone_are_fine_tuned(sweep: Sweep) -> None:
    records = {str(record.params["backbone"]): record for record in sweep.trial_records()}
    assert {record.state for record in records.values()} == {"done"}
    embeddings = next(record for name, record in records.items() if name.endswith(".npy"))
    assert embeddings.score == 1.0
    assert (records[FUNCTION].score or 0) > 0.5  # Quarters of a digit tell more than chance.
    phases = [(slot.phase, str((slot.params or {})["backbone"])) for slot in _slots(sweep)]
    assert [name for phase, name in phases if phase == "finetune"] == [KERAS]


def test_the_best_that_can_be_exported_is_promoted_and_the_others_are_named(sweep: Sweep) -> None:
    heard: list[str] = []
    promotion = sweep.promote(on_progress=heard.append)
    (member,) = promotion.lineup.members
    assert member.candidate.params.backbone == KERAS
    left_out = [text for text in heard if "is no Keras network and cannot be exported" in text]
    assert len(left_out) == 1
    assert "vectors.npy" in left_out[0]
    for record in sweep.trial_records():
        if record.params["backbone"] != KERAS:
            with pytest.raises(InputError, match="there is no model to export"):
                sweep.promote(trial=record.trial)


def _slots(sweep: Sweep) -> Sequence[Slot]:
    row = sweep.storage.sweeps.find(sweep.name)
    assert row is not None
    return sweep.storage.slots(row.id).all()
