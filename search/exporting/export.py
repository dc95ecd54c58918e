"""Write a registered version for another runtime, and keep it only if it answers the same."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from mlruns_config.registry.loading import LoadedVersion, load_version
from mlruns_config.settings import TrackingSettings
from objectives.exporting.formats import FORMATS, ExportFormat
from search.exporting.check_images import INPUT_EXAMPLE, check_batches, resized
from search.exporting.extra import require_packages
from search.exporting.report import Export
from search.exporting.target import check_target, placed, size_bytes
from search.prediction.images import read_pictures
from search.registry_access import existing_registry
from search.workers.device import hide_gpus
from spaces.errors import DiskFullError, InputError, RefusedError, unknown_name
from spaces.files import FULL_DISK, shown_path

if TYPE_CHECKING:
    from objectives.exporting.comparison import Comparison
    from objectives.exporting.exporter import Exporter, Predict

NO_SPACE = "No space left on device"


def export_model(
    model_uri: str,
    format_name: str,
    out: Path,
    *,
    images: Sequence[Path] = (),
    force: bool = False,
    tracking: TrackingSettings | None = None,
    on_progress: Callable[[str], None] = lambda _step: None,
) -> Export:
    """Export a registered model, and compare what was written with the registered Keras file.

    Both are asked on the CPU, so that a GPU's own rounding does not count; a process that has used
    a GPU before cannot export.

    Args:
        model_uri: ``models:/NAME@ALIAS`` or ``models:/NAME/NUMBER``.
        format_name: A key of :data:`objectives.exporting.formats.FORMATS`.
        out: The file, or the folder of a SavedModel.
        images: What to compare on, image files, folders and ``.npz`` files; by default the
            version's input example.
        force: Replace what is at ``out``, if it is a file or a SavedModel.
        tracking: Where the registry is; None takes the environment's.
        on_progress: Hears what is being done.

    Raises:
        InputError: If the format is unknown or its packages are missing, ``out`` is taken, there
            is no such model, it is not one that foldsweep promoted, an image cannot be read, or
            the format cannot hold the model.
        RefusedError: If it answers otherwise than the registered model; nothing is kept then.
        UnavailableError: If MLflow does not answer, or the disk is full.
    """
    export_format = _format_of(format_name)
    require_packages(export_format)
    out = out.absolute()
    check_target(out, export_format, force=force)
    read_pictures(images)
    registry = tracking or existing_registry()
    hide_gpus()
    with tempfile.TemporaryDirectory() as scratch:
        on_progress(f"loading {model_uri}")
        loaded = load_version(registry, model_uri, Path(scratch))
        with placed(out, export_format, force=force) as half_made:
            exporting = _Exporting(registry, loaded, export_format, images, on_progress)
            return exporting.run(half_made, out)


def _format_of(name: str) -> ExportFormat:
    if name not in FORMATS:
        raise unknown_name("format", name, FORMATS)
    return FORMATS[name]


@dataclass(frozen=True)
class _Exporting:
    """The steps of one export."""

    tracking: TrackingSettings
    loaded: LoadedVersion
    export_format: ExportFormat
    images: Sequence[Path]
    on_progress: Callable[[str], None]

    def run(self, half_made: Path, out: Path) -> Export:
        """Write to ``half_made``, compare, measure, and say what was found of ``out``."""
        from objectives.evaluation.latency import BATCH_SIZES, measure_latency_ms
        from objectives.exporting.comparison import compare
        from objectives.exporting.exporter import exporter_of
        from objectives.networks.served_parts import served_image_px

        own_px = served_image_px(self.loaded.classifier.model)
        image_px = self._image_px(own_px)
        exporter = exporter_of(self.export_format)
        exported = self._written(exporter, half_made)
        registered = self.loaded.classifier.model.predict_on_batch
        batches = check_batches(self.tracking, self.loaded.version, self.images, image_px)
        first = next(batches)
        self.on_progress("comparing it with the registered model")
        with self._errors_explained(exporter):
            comparison = compare(registered, exported, chain([first], batches))
        self._refuse_unless_equal(comparison)
        self.on_progress("measuring how long an image takes")
        # At the model's own size: of photographs a batch might not fit into memory.
        usual = first if own_px is None else resized(first[: max(BATCH_SIZES)], own_px)
        return Export(
            version=self.loaded.version,
            digest=self.loaded.digest,
            class_names=self.loaded.classifier.class_names,
            export_format=self.export_format,
            path=out,
            n_bytes=size_bytes(half_made),
            image_px=image_px,
            checked_on=", ".join(map(shown_path, self.images)) or INPUT_EXAMPLE,
            comparison=comparison,
            latencies_ms={
                "keras": measure_latency_ms(registered, usual),
                "exported": measure_latency_ms(exported, usual),
            },
        )

    def _image_px(self, own_px: int | None) -> int | None:
        """Say which size images must have; None if any will do."""
        if self.export_format.resizes:
            return None
        if own_px is None:
            raise InputError(
                f"{self.loaded.version.uri} has no resize of its own, so the size that "
                f"{self.export_format.name} needs is not known; export it as keras or saved_model."
            )
        return own_px

    def _written(self, exporter: "Exporter", half_made: Path) -> "Predict":
        from objectives.exporting.exporter import Source

        self.on_progress(f"writing {self.loaded.version.uri} as {self.export_format.name}")
        with self._errors_explained(exporter):
            exporter.write(Source(self.loaded.classifier.model, self.loaded.path), half_made)
            return exporter.load(half_made)

    @contextmanager
    def _errors_explained(self, exporter: "Exporter") -> Iterator[None]:
        """Turn what a converter raises at a model into an error for the person."""
        try:
            yield
        except exporter.ERRORS as error:
            if isinstance(error, OSError) and error.errno in FULL_DISK:
                raise
            reason = (str(error).strip() or type(error).__name__).split("\n", maxsplit=1)[0][:300]
            if NO_SPACE in str(error):
                raise DiskFullError(f"the disk is full: {reason}; make room.") from None
            raise InputError(
                f"{self.loaded.version.uri} cannot be written as {self.export_format.name}: "
                f"{reason}. The format keras holds every model."
            ) from error

    def _refuse_unless_equal(self, found: "Comparison") -> None:
        # Written so that NaN is refused too.
        if not found.largest_difference <= self.export_format.tolerance:
            raise RefusedError(
                f"{self.loaded.version.uri} as {self.export_format.name} answers otherwise than "
                f"the registered model: on {found.n_images} images a probability differs by "
                f"{found.largest_difference:.2g}, allowed is {self.export_format.tolerance:.0e}. "
                "Nothing was kept."
            )
