"""The data set of a sweep as MLflow shows it among a run's inputs."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlruns_config.names import DATASET_CONTEXT

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

# MLflow refuses a longer one; the tag of the run has the whole fingerprint.
_DIGEST_LENGTH = 36


@dataclass(frozen=True)
class DatasetInfo:
    """What to say about the data that a run learned from."""

    name: str
    fingerprint: str
    """Hexadecimal hash of contents and labels."""
    source: str
    """Path of the file or folder, as the worker saw it."""
    rows: int
    classes: tuple[str, ...]
    image_px: int

    def to_input(self) -> "DatasetInput":
        """Describe it in MLflow's terms.

        The UI lists name and digest beside the run; a click shows source, profile and, as it does
        for tables, the columns with their types.
        """
        from mlflow.entities import Dataset, DatasetInput, InputTag

        dataset = Dataset(
            name=self.name[:500],
            digest=self.fingerprint[:_DIGEST_LENGTH],
            source_type="local",
            source=json.dumps({"uri": self.source}),
            schema=json.dumps(self._schema()),
            profile=json.dumps(self._profile()),
        )
        return DatasetInput(dataset, [InputTag("mlflow.data.context", DATASET_CONTEXT)])

    def _schema(self) -> dict[str, list[dict[str, str]]]:
        image = f"uint8 ({self.image_px}, {self.image_px}, 3)"
        label = "one of " + ", ".join(self.classes)
        columns = [("image", image), ("label", label[:1000])]
        return {"mlflow_colspec": [{"name": name, "type": kind} for name, kind in columns]}

    def _profile(self) -> dict[str, int | str]:
        return {
            "num_rows": self.rows,
            "num_classes": len(self.classes),
            "image_px": self.image_px,
            "fingerprint": self.fingerprint,
        }
