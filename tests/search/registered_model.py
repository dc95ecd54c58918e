"""A model in a registry, as a promotion leaves it, without a sweep."""

from pathlib import Path

import keras
import numpy as np

from mlruns_config.client import ensure_experiment
from mlruns_config.registry.promotion_run import PromotionRun
from mlruns_config.registry.registry import log_classifier, move_alias, register
from mlruns_config.registry.saved_classifier import Classifier
from mlruns_config.registry.versions import Version
from mlruns_config.settings import TrackingSettings


def register_model(
    folder: Path,
    model: keras.Model,
    class_names: tuple[str, ...],
    *,
    name: str = "cells",
    example_px: int = 8,
) -> tuple[TrackingSettings, Version]:
    """Make a model the champion of a registry in ``folder``, which is made if need be."""
    settings = TrackingSettings(f"sqlite:///{folder}/mlflow.db", str(folder / "mlartifacts"))
    experiment_id = ensure_experiment(settings, name, {})
    run = PromotionRun.start(settings, experiment_id, f"promote-{name}-trial-0", {})
    example = np.random.default_rng(0).integers(0, 256, (1, example_px, example_px, 3), np.uint8)
    logged = log_classifier(settings, run.run_id, Classifier(model, class_names), example=example)
    version = register(settings, name, logged, {})
    move_alias(settings, version, "champion")
    return settings, version
