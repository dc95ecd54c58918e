"""The present champion, as a challenger meets it."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mlruns_config.description.promotion import TRAINING_CONTENT
from mlruns_config.names import TAG_IMAGE_PX
from mlruns_config.registry.loading import load_classifier
from mlruns_config.registry.promotion_run import PromotionRun, read_artifact
from mlruns_config.registry.registry import check_alias, find_alias
from mlruns_config.registry.saved_classifier import Classifier
from mlruns_config.registry.versions import Version
from mlruns_config.settings import TrackingSettings
from objectives.evaluation.holdout import check_classes
from objectives.records import RowArray
from search.promotion.content import content_ids
from search.storage.promotions import ContentIds
from spaces.errors import InputError


@dataclass(frozen=True)
class Champion:
    """A registered version that carries the alias, loaded, and which images it was trained on."""

    version: Version
    classifier: Classifier
    seen: ContentIds

    def unseen(
        self, rows: RowArray, content_hashes: Sequence[str], groups: RowArray
    ) -> npt.NDArray[np.bool_]:
        """Mark the held-out rows that it was not trained on, nor on any image of their groups.

        A sweep with a smaller holdout than today's, or with other groups or excluded rows, trained
        on images that are held out today, or on near copies of them.

        Args:
            rows: Those that are held out.
            content_hashes: Of all rows of the data.
            groups: The group of each row of the data.

        Raises:
            InputError: If no row is left.
        """
        seen = np.isin(content_ids(content_hashes), self.seen)
        kept: npt.NDArray[np.bool_] = ~np.isin(groups[rows], groups[seen])
        if not kept.any():
            raise InputError(
                f"the champion {self.version.uri} was trained on all {len(kept)} held-out images "
                "or on copies of them, so a comparison would not be fair. Promote to another name "
                "with --model."
            )
        return kept

    def size_note(self, image_px: int) -> str:
        """Say if it was trained on images of another size than those it is now shown."""
        own = self.version.tags.get(TAG_IMAGE_PX, str(image_px))
        if own == str(image_px):
            return ""
        return f" (the champion was trained at {own} px and is shown {image_px} px)"


def load_champion(
    tracking: TrackingSettings, model: str, alias: str, class_names: tuple[str, ...]
) -> Champion | None:
    """Load the version that carries the alias; None if there is none yet.

    Raises:
        InputError: As :func:`load_version`, or if the name of model or alias is not allowed.
        UnavailableError: If MLflow does not answer.
    """
    check_alias(alias)
    version = find_alias(tracking, model, alias)
    return None if version is None else load_version(tracking, version, class_names)


def load_version(
    tracking: TrackingSettings, version: Version, class_names: tuple[str, ...]
) -> Champion:
    """Load a version as one that others are compared with.

    Raises:
        InputError: If it answers with other classes than ``class_names``, or is no classifier of
            foldsweep's.
        UnavailableError: If MLflow does not answer.
    """
    classifier = load_classifier(tracking, version.uri)
    check_classes(class_names, classifier.class_names, version.uri)
    with tempfile.TemporaryDirectory() as scratch:
        path = read_artifact(tracking, version.run_id, TRAINING_CONTENT.name, Path(scratch))
        seen = np.empty(0, np.uint64) if path is None else np.load(path, allow_pickle=False)
    return Champion(version, classifier, seen)


def note_training_content(run: PromotionRun, seen: ContentIds) -> None:
    """Keep with the run which images, and copies of which, the model was trained on."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / TRAINING_CONTENT.name
        np.save(path, seen)
        run.artifact(path)
