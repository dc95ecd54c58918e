"""Where a sweep of the benchmark lives: its home, its storage, its MLflow, its sweep file."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cells import generate_cells
from bench.storing import objective
from bench.storing.sizes import StorageSize
from spaces.backbones import find_backbone
from spaces.default_space import DEFAULT

NAME = "race"


@dataclass(frozen=True)
class Home:
    """A sweep that is to be, or is."""

    folder: Path
    storage_url: str
    shared: "Shared"

    @property
    def file(self) -> Path:
        """The sweep file."""
        return self.folder / "home" / "sweeps" / NAME / "sweep.yaml"

    @property
    def mlflow(self) -> Path:
        """The file of MLflow."""
        return self.folder / "mlflow" / "mlflow.db"

    @property
    def environment(self) -> Mapping[str, str]:
        """What a worker of the sweep finds in its environment."""
        return {
            **self.shared.environment,
            "FOLDSWEEP_HOME": str(self.folder / "home"),
            "FOLDSWEEP_STORAGE_URL": self.storage_url,
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.mlflow}",
        }

    def content(self, trials: int) -> Mapping[str, Any]:
        """Give the sweep file: everything at its default but what makes a no-op of a trial."""
        return {
            "sweep": NAME,
            "data": {"path": str(self.shared.data), "image_px": self.shared.image_px},
            "space": "default",
            "objective": objective.REFERENCE,
            "budget": {"trials": trials},
        }

    def lay_out(self) -> None:
        """Make the folders, and MLflow's file with its tables."""
        self.mlflow.parent.mkdir(parents=True)
        with (
            closing(sqlite3.connect(self.shared.empty_mlflow)) as old,
            closing(sqlite3.connect(self.mlflow)) as new,
        ):
            old.backup(new)


@dataclass(frozen=True)
class Shared:
    """What all sweeps of a run share: the images, and an MLflow without runs."""

    folder: Path
    image_px: int

    @property
    def data(self) -> Path:
        """The images."""
        return self.folder / "images.npz"

    @property
    def empty_mlflow(self) -> Path:
        """A file of MLflow with tables alone: making them takes seconds, copying does not."""
        return self.folder / "empty" / "mlflow.db"

    @property
    def environment(self) -> Mapping[str, str]:
        """What every process finds in its environment."""
        return {
            "CUDA_VISIBLE_DEVICES": "-1",
            "KERAS_HOME": str(self.folder / "keras"),
            "FOLDSWEEP_HOME": str(self.folder / "nowhere"),
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.empty_mlflow}",
        }

    def lay_out(self, size: StorageSize) -> None:
        """Draw the images, and put files where the weights of the space are looked for."""
        generate_cells(size.images, size.image_px).save(self.data)
        models = self.folder / "keras" / "models"
        models.mkdir(parents=True)
        backbones = next(d.choices for d in DEFAULT.dimensions if d.name == "backbone")
        for name in map(str, backbones):
            # Nothing reads them: it is only seen that they are there.
            (models / str(find_backbone(name).weights_file_for(size.image_px))).touch()


def written(content: Mapping[str, Any], path: Path) -> Path:
    """Write a sweep file; YAML reads JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path
