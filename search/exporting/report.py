"""What an export came to."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlruns_config.registry.versions import Version
from objectives.exporting.comparison import Comparison
from objectives.exporting.formats import ExportFormat
from spaces.files import shown_path


@dataclass(frozen=True)
class Export:
    """A version in another format, and how it answers."""

    version: Version
    digest: str
    """SHA-256 of the registered Keras file."""
    class_names: tuple[str, ...]
    export_format: ExportFormat
    path: Path
    n_bytes: int
    image_px: int | None
    """The size that images must have; None if any will do."""
    checked_on: str
    comparison: Comparison
    latencies_ms: Mapping[str, Mapping[int, float]]
    """Milliseconds an image of the model's own size on this machine's CPU, of ``keras`` and
    ``exported``, by batch size."""

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "model": self.version.model,
            "version": self.version.number,
            "uri": self.version.uri,
            "model_sha256": self.digest,
            "format": self.export_format.name,
            "path": shown_path(self.path),
            "n_bytes": self.n_bytes,
            "image_px": self.image_px,
            "class_names": list(self.class_names),
            "checked_on": self.checked_on,
            "images": self.comparison.n_images,
            "largest_difference": self.comparison.largest_difference,
            "tolerance": self.export_format.tolerance,
            "same_class": self.comparison.same_class,
            "latency_ms": {
                model: {str(size): ms for size, ms in by_size.items()}
                for model, by_size in self.latencies_ms.items()
            },
        }
