"""Where a run, and the model that it made, come from."""

import json
from dataclasses import dataclass

from mlruns_config import names
from mlruns_config.description.specs import TagSpec

ORIGIN_TAGS = (
    TagSpec(names.TAG_SWEEP, "The sweep's name."),
    TagSpec(names.TAG_SWEEP_ID, "The sweep's id in the storage."),
    TagSpec(
        names.TAG_TRIAL,
        "The number of the trial, as the leaderboard shows it; of an ensemble the heaviest one's.",
    ),
    TagSpec(names.TAG_FINGERPRINT, "SHA-256 over the contents and labels of the data set."),
    TagSpec(names.TAG_FOLD_HASH, "SHA-256 over the rows and their folds."),
    TagSpec(names.TAG_SEED, "The sweep's seed."),
    TagSpec(names.TAG_IMAGE_PX, "Edge in pixels to which images are resized."),
    TagSpec(
        names.TAG_CLASS_NAMES, "JSON: the names of the classes, in the order of the probabilities."
    ),
)
SOURCE_TAGS = (
    TagSpec(
        names.TAG_USER,
        "MLflow's own: the account at the MLflow server, or who runs the process.",
    ),
    TagSpec(names.TAG_SOURCE_NAME, "MLflow's own: the sweep file, by the name of its sweep."),
    TagSpec(names.TAG_SOURCE_TYPE, "MLflow's own: `LOCAL`."),
)


@dataclass(frozen=True)
class Origin:
    """What identifies a trial and the data that it learned from."""

    sweep: str
    sweep_id: str
    trial: int
    fingerprint: str
    fold_hash: str
    seed: int
    image_px: int
    class_names: tuple[str, ...]

    def tags(self) -> dict[str, str]:
        """Say it on a run or on a version of a model, what people read first."""
        return {
            names.TAG_SWEEP: self.sweep,
            names.TAG_TRIAL: str(self.trial),
            names.TAG_CLASS_NAMES: json.dumps(self.class_names),
            names.TAG_IMAGE_PX: str(self.image_px),
            names.TAG_SEED: str(self.seed),
            names.TAG_SWEEP_ID: self.sweep_id,
            names.TAG_FINGERPRINT: self.fingerprint,
            names.TAG_FOLD_HASH: self.fold_hash,
        }


def source_tags(sweep: str, user: str) -> dict[str, str]:
    """Say who made a run, and from what.

    Args:
        sweep: The sweep's name.
        user: From :func:`mlruns_config.settings.tracking_user`.
    """
    return {
        names.TAG_USER: user,
        names.TAG_SOURCE_NAME: f"{sweep}.yaml",
        names.TAG_SOURCE_TYPE: "LOCAL",
    }
