"""Create a sweep, or go on with it: everything is checked here, and recorded for those who join."""

from mlruns_config.description.run_list import experiment_tags
from mlruns_config.settings import TrackingSettings
from objectives.settings import MOST_FEATURES
from search.home import claim_home, machine_lock
from search.joining import (
    load_policies,
    refuse_changes,
    refuse_other_data,
    refuse_other_rules,
)
from search.open_sweep import OpenSweep
from search.preparation import Prepared, check_data, check_exclusion, draw, prepare_images
from search.settings import RuntimeSettings
from search.storage.records import SweepRow
from search.storage.storage import Storage, open_storage, storage_exists
from search.sweep_file.sweep_file import SweepFile
from search.workers.device import find_gpus
from search.workers.provenance import score_versions
from spaces.errors import InputError
from spaces.files import replacing
from spaces.narrowing import resolve_space
from spaces.recipes import resolve_recipe
from spaces.references import load_reference
from spaces.space import Space, Value

BYTES_PER_FEATURE = 2
VALIDATION_VIEWS = 2
SHARE_FOR_A_ROUND = 0.75
"""Of the store: what else is in it, images and views, needs room as well."""


def create_or_resume(file: SweepFile, settings: RuntimeSettings) -> OpenSweep:
    """Check everything, then make the sweep of that name, or go on with it.

    Keys that the file leaves out keep the values of the sweep that exists, limits of its budget
    too. The recipes are put into the queue. What ``space: auto`` is, is chosen once, by the
    hardware of whoever creates the sweep.

    Args:
        file: With an absolute data path.
        settings: Of this machine.

    Raises:
        InputError: If anything in the file cannot work, or differs from the sweep that exists in
            a way that affects scores; or if that sweep is of other scoring rules. No sweep has
            been made then.
        UnavailableError: If the storage or MLflow does not answer.
    """
    limits = file.budget.model_dump(exclude_unset=True)
    found = None
    if storage_exists(settings.storage_url):
        found = open_storage(settings.storage_url).sweeps.find(file.sweep)
    if found is None:
        check_exclusion(file)
        file = file.on_space("default" if _has_gpu(file, settings) else "small")
    else:
        refuse_other_rules(found)
        file = refuse_changes(found, file)
    space, points = check_file(file)
    storage = open_storage(settings.storage_url)
    tracking = TrackingSettings.from_environment(settings.home)
    _check_tracking(tracking)
    claim_home(settings.home)
    with machine_lock(settings.home, f"sweep-{file.sweep}"):
        file, row, prepared = _prepared(file, space, settings, tracking, storage)
        opened = OpenSweep(file, settings, tracking, storage, row, space, prepared)
        storage.sweeps.resume(row.id, file.as_written(), versions=score_versions(), limits=limits)
        with replacing(opened.folder / "sweep.yaml") as written:
            written.write(file.as_written().encode())
    opened.enqueue(points)
    return opened


def check_file(file: SweepFile) -> tuple[Space, list[dict[str, Value]]]:
    """Resolve all names of a sweep file, and look for the files that it needs.

    Returns:
        The space, and the recipes' values by label.

    Raises:
        InputError: At the first name, value or file that is wrong.
    """
    from objectives.networks.backbone_checks import check_backbones
    from spaces.policies import load_shift

    check_data(file)
    space = resolve_space(file.space)
    points = [resolve_recipe(recipe, space) for recipe in file.recipes]
    load_policies(file, space)
    load_shift(file.validation.shift)
    if file.train.head_epochs == 0 and file.train.finetune_epochs == 0:
        raise InputError("train: head_epochs and finetune_epochs are both 0: nothing would train.")
    if file.objective != type(file).model_fields["objective"].default:
        load_reference(file.objective)
    check_backbones(space, file.data.image_px, train=file.train, validation=file.validation)
    return space, points


def _has_gpu(file: SweepFile, settings: RuntimeSettings) -> bool:
    return file.workers.gpus_per_worker > 0 and bool(find_gpus(settings.visible_gpus))


def _check_tracking(tracking: TrackingSettings) -> None:
    """See that MLflow answers before the data are prepared, which may take long."""
    from mlruns_config import client

    client.connect(tracking)


def _prepared(
    file: SweepFile,
    space: Space,
    settings: RuntimeSettings,
    tracking: TrackingSettings,
    storage: Storage,
) -> tuple[SweepFile, SweepRow, Prepared]:
    """Prepare the images, and draw the splits if the sweep is new, holding no lock of others."""
    from mlruns_config.client import ensure_experiment
    from objectives.networks.backbone_checks import check_embeddings
    from objectives.splits import splits_from_bytes, splits_to_bytes

    data, source = prepare_images(file, settings)
    check_embeddings(space, len(data.labels))
    row = storage.sweeps.find(file.sweep)
    fold_hash = None
    if row is None:
        drawn = draw(file, source, data)
        fold_hash = drawn.splits.fold_hash
        file = with_views_that_fit(file, len(drawn.splits.rows), settings)
        ensure_experiment(tracking, file.sweep, experiment_tags(file.sweep))
        drawn.write_report(settings.sweep_folder(file.sweep) / "audit")
        row = storage.sweeps.create(
            file.sweep,
            file.as_written(),
            fingerprint=data.fingerprint,
            fold_hash=fold_hash,
            splits=splits_to_bytes(drawn.splits),
            versions=score_versions(),
            budget=file.budget.limits,
        )
        # Perhaps another machine was faster, with another file or another foldsweep.
        refuse_other_rules(row)
        refuse_changes(row, file)
    refuse_other_data(row, data.fingerprint, fold_hash or row.fold_hash, file)
    return file, row, Prepared(data, splits_from_bytes(row.splits))


def with_views_that_fit(file: SweepFile, n_rows: int, settings: RuntimeSettings) -> SweepFile:
    """Lower ``train.views`` to what the store has room for, if the file leaves it open.

    Epochs go round the views: of a round that does not fit as a whole, the view that is read next
    would always be the one that was evicted.

    Args:
        file: Of a new sweep.
        n_rows: Images of the sweep.
        settings: Of this machine.

    Raises:
        InputError: If the file itself asks for more views than fit.
    """
    view_bytes = n_rows * MOST_FEATURES * BYTES_PER_FEATURE
    room = int(settings.store_bytes * SHARE_FOR_A_ROUND) // view_bytes - VALIDATION_VIEWS
    views = max(1, room)
    if min(file.train.views, max(file.train.head_epochs, file.train.finetune_epochs)) <= views:
        return file
    if "views" in file.train.model_fields_set:
        raise InputError(
            f"train.views = {file.train.views}: deep features of so many draws of {n_rows:,} "
            f"images may take more than {SHARE_FOR_A_ROUND:.0%} of the store. {views} fit into "
            f"FOLDSWEEP_STORE_GB = {settings.store_gb:g}: raise that, or lower train.views."
        )
    train = file.train.model_copy(update={"views": views})
    return file.model_copy(update={"train": train})
