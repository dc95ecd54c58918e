"""Where the runs and models of a sweep come from, as MLflow is told."""

from mlruns_config.dataset import DatasetInfo
from mlruns_config.description.origin import Origin
from search.opening import OpenSweep


def origin_of(opened: OpenSweep, trial: int) -> Origin:
    """Say what a trial of the sweep, and its model, learned from."""
    return Origin(
        sweep=opened.row.name,
        sweep_id=opened.row.id,
        trial=trial,
        fingerprint=opened.row.fingerprint,
        fold_hash=opened.prepared.splits.fold_hash,
        seed=opened.file.search.seed,
        image_px=opened.file.data.image_px,
        class_names=opened.prepared.data.class_names,
    )


def dataset_of(opened: OpenSweep) -> DatasetInfo:
    """Describe the sweep's data set."""
    file, data = opened.file.data, opened.prepared.data
    return DatasetInfo(
        name=file.path.stem,
        fingerprint=data.fingerprint,
        source=str(file.path),
        rows=len(data.labels),
        classes=data.class_names,
        image_px=file.image_px,
    )
