"""Into the registry, and only then, verified, under the alias."""

from collections.abc import Callable, Mapping

import numpy as np

from mlruns_config import names
from mlruns_config.registry.alias_moves import MoveReason, move_noting
from mlruns_config.registry.alias_page import write_alias_page
from mlruns_config.registry.registry import (
    find_alias,
    log_classifier,
    register,
    tag_version,
)
from mlruns_config.registry.saved_classifier import Classifier
from mlruns_config.registry.verification import verify_version
from mlruns_config.registry.versions import Version
from mlruns_config.settings import TrackingSettings
from objectives.records import ImageArray
from search.storage.storage import Storage
from spaces.errors import RefusedError

N_VERIFIED_IMAGES = 8
ALIAS_LOCK = "registry-alias"
"""Held by whoever of a storage moves an alias."""


def register_verified(
    tracking: TrackingSettings,
    run_id: str,
    model: str,
    classifier: Classifier,
    images: ImageArray,
    tags: Mapping[str, str],
    *,
    on_progress: Callable[[str], None],
) -> Version:
    """Register a classifier, and see that it predicts the same where foldsweep is not.

    Args:
        tracking: Where to.
        run_id: The run that trained it.
        model: Name of the registered model.
        classifier: What is registered.
        images: Some that it is verified with, shape ``(images, height, width, 3)``.
        tags: Of the version.
        on_progress: Hears what is being done.

    Raises:
        RefusedError: If it does not; the version stays, tagged as not verified.
    """
    on_progress(f"registering a version of {model}")
    logged = log_classifier(tracking, run_id, classifier, example=images[:1])
    version = register(tracking, model, logged, {**tags, names.TAG_VERIFIED: "no"})
    on_progress(f"loading {version.uri} in a process without foldsweep")
    batches = verification_batches(images)
    expected = {name: classifier.predict(batch) for name, batch in batches.items()}
    verify_version(tracking, version, logged, batches, expected)
    tag_version(tracking, version, {names.TAG_VERIFIED: "yes"})
    return version


def verification_batches(images: ImageArray) -> dict[str, ImageArray]:
    """Take a few images at their own size, and wider and higher ones made of them."""
    own = np.ascontiguousarray(images[:N_VERIFIED_IMAGES])
    padded = np.pad(own, ((0, 0), (5, 8), (0, 29), (0, 0)), mode="edge")
    return {"own_size": own, "other_size": padded}


def move_alias_from(
    tracking: TrackingSettings,
    storage: Storage,
    version: Version,
    alias: str,
    before: int | None,
    reason: MoveReason,
) -> None:
    """Point the alias to a version, if it still is where the comparison found it.

    Args:
        tracking: Where the registry is.
        storage: Whose lock keeps two promotions from moving it at once.
        version: A verified one.
        alias: What to move.
        before: The version that the challenger was compared with; None if there was none.
        reason: For the model's history.

    Raises:
        RefusedError: If another promotion has moved the alias since.
    """
    with storage.exclusive(ALIAS_LOCK):
        now = _number(find_alias(tracking, version.model, alias))
        if now != before:
            raise RefusedError(
                f"{version.model}@{alias} moved from version {before or 'none'} to {now or 'none'} "
                f"while version {version.number} was compared with the former; promote again."
            )
        _move(tracking, version, alias, now, reason)


def hand_alias(
    tracking: TrackingSettings,
    storage: Storage,
    version: Version,
    alias: str,
    reason: MoveReason,
) -> None:
    """Point an alias to a version, whichever carries it: nothing was compared with that one.

    Args:
        tracking: Where the registry is.
        storage: Whose lock keeps two from moving it at once.
        version: A verified one.
        alias: What to move.
        reason: For the model's history.
    """
    with storage.exclusive(ALIAS_LOCK):
        now = _number(find_alias(tracking, version.model, alias))
        _move(tracking, version, alias, now, reason)


def _move(
    tracking: TrackingSettings, version: Version, alias: str, now: int | None, reason: MoveReason
) -> None:
    move_noting(tracking, version, alias, now, reason)
    write_alias_page(tracking, version.model)


def _number(version: Version | None) -> int | None:
    return None if version is None else version.number
