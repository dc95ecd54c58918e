"""The formats that a model is exported to, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

EXTRA = "export"
"""The extra of foldsweep that brings what is not needed otherwise."""


@dataclass(frozen=True)
class ExportFormat:
    """What can be said of a format before anything is loaded."""

    name: str
    suffix: str
    """How the file's name ends; empty for a folder."""
    resizes: bool
    """Whether images of any size are taken; otherwise they must have the model's own."""
    tolerance: float
    """By how much a probability may differ from Keras'."""
    needs: tuple[str, ...] = ()
    """Packages of the extra that it is written and asked with."""


FORMATS: Mapping[str, ExportFormat] = MappingProxyType(
    {
        found.name: found
        for found in (
            ExportFormat("keras", ".keras", resizes=True, tolerance=1e-6),
            ExportFormat("saved_model", "", resizes=True, tolerance=1e-5),
            ExportFormat(
                "onnx",
                ".onnx",
                resizes=False,
                tolerance=1e-4,
                needs=("onnx", "onnxruntime", "tf2onnx"),
            ),
            ExportFormat("tflite", ".tflite", resizes=False, tolerance=1e-4),
        )
    }
)
