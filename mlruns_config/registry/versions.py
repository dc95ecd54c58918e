"""What the registry knows of a model: as it was logged, and as a version of a registered one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from mlruns_config.names import TAG_CLASS_NAMES, TAG_MODEL_SHA256
from mlruns_config.registry.saved_classifier import KERAS_FILE


@dataclass(frozen=True)
class LoggedClassifier:
    """A model that a run has logged."""

    model_id: str
    run_id: str
    class_names: tuple[str, ...]
    digests: Mapping[str, str]
    """SHA-256 of each of its files, by the path inside of its folder, as they were saved."""

    @property
    def digest(self) -> str:
        """That of the Keras file."""
        return self.digests[KERAS_FILE]

    def tags(self) -> dict[str, str]:
        """What a version must say to be loaded again."""
        return {TAG_MODEL_SHA256: self.digest, TAG_CLASS_NAMES: json.dumps(self.class_names)}


@dataclass(frozen=True)
class Version:
    """One version of a registered model."""

    model: str
    number: int
    run_id: str
    tags: Mapping[str, str]
    source: str
    """``models:/`` and the id of the logged model, if foldsweep registered it."""
    created_ms: int = 0
    """When it was registered: milliseconds since 1970, by MLflow's clock."""

    @property
    def uri(self) -> str:
        """What MLflow loads: ``models:/NAME/NUMBER``."""
        return f"models:/{self.model}/{self.number}"
