"""What every format can do."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import keras

from objectives.exporting.formats import ExportFormat
from objectives.records import FloatArray, ImageArray

Predict = Callable[[ImageArray], FloatArray]
"""From images ``(batch, height, width, 3)`` to probabilities ``(batch, classes)``."""

CONVERSION_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
)
"""What converters raise at a model that they do not know how to convert, besides their own."""


@dataclass(frozen=True)
class Source:
    """What is exported."""

    model: keras.Model
    """From uint8 images of any size to probabilities."""
    keras_file: Path
    """The file that it was loaded from."""


class Exporter(Protocol):
    """The module of a format."""

    @property
    def ERRORS(self) -> tuple[type[Exception], ...]:  # noqa: N802 (a constant of the module)
        """What writing and loading raise where a model does not fit the format."""
        ...

    def write(self, source: Source, path: Path) -> None:
        """Write a model.

        Args:
            source: What is exported; one that resizes.
            path: What does not exist yet, with the format's suffix.
        """
        ...

    def load(self, path: Path) -> Predict:
        """Load what was written, on the CPU."""
        ...


def exporter_of(export_format: ExportFormat) -> Exporter:
    """Import the module of a format; it alone imports what the format needs."""
    match export_format.name:
        case "keras":
            from objectives.exporting import keras_format

            return keras_format
        case "saved_model":
            from objectives.exporting import saved_model_format

            return saved_model_format
        case "onnx":
            from objectives.exporting import onnx_format

            return onnx_format
        case "tflite":
            from objectives.exporting import tflite_format

            return tflite_format
    raise ValueError(f"there is no exporter for {export_format.name!r}")
