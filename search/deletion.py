"""Delete a sweep everywhere: MLflow, Optuna, checkpoints, this machine's files, the storage.

What can be found again by the sweep's row goes first and the row last, so a deletion that was
interrupted is finished by being asked for again.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mlruns_config.sweep_runs import SweepRuns, open_sweep_runs
from search.disk_space import folder_bytes, free_views_of
from search.home import machine_lock
from search.promotion.presence import is_anyone_present
from search.status import read_status
from search.stored_sweep import StoredSweep
from search.sweep_file.sweep_file import NAME_PATTERN
from search.trial_phases import trials_of
from spaces.errors import InputError


@dataclass(frozen=True)
class Footprint:
    """What there is of a sweep."""

    sweep: str
    trials: int
    """Those that were begun."""
    runs: int
    """Of MLflow, that go."""
    kept_runs: int
    """Of MLflow, that stay because a registered model comes from them."""
    models: Sequence[str]
    """Versions of registered models, which stay: ``NAME/NUMBER``."""
    looks: int
    """At a holdout, which stay counted."""
    n_bytes: int
    """Of this machine's disk, and of the checkpoints."""

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return asdict(self)


def footprint(stored: StoredSweep) -> Footprint:
    """Count what a deletion takes away, and what stays.

    Raises:
        UnavailableError: If MLflow does not answer.
    """
    with open_sweep_runs(stored.tracking, stored.row.name, stored.row.id) as runs:
        versions = {run.run_id: runs.versions(run.run_id) for run in runs.all()}
    looks = [look for look in stored.storage.promotions.all() if look.sweep_id == stored.row.id]
    views = free_views_of(stored.storage, stored.row, stored.settings, dry_run=True)
    blobs = sum(stored.blobs.sizes(stored.row.id).values())
    return Footprint(
        sweep=stored.row.name,
        trials=len(trials_of(stored.slots.all())),
        runs=sum(not named for named in versions.values()),
        kept_runs=sum(bool(named) for named in versions.values()),
        models=sorted(name for named in versions.values() for name in named),
        looks=len(looks),
        n_bytes=folder_bytes(stored.folder) + blobs + views.n_bytes,
    )


def delete_sweep(
    stored: StoredSweep, *, on_progress: Callable[[str], None] | None = None
) -> Footprint:
    """Delete a sweep; what was there is returned.

    Args:
        stored: The sweep.
        on_progress: Hears what has been deleted, step by step.

    Raises:
        InputError: If somebody works on it; nothing was deleted then.
        UnavailableError: If MLflow or the storage does not answer; asked again, it goes on.
    """
    if not NAME_PATTERN.fullmatch(stored.row.name):
        raise InputError(f"{stored.row.name!r} is no name of a sweep: its folder is not known.")
    with machine_lock(stored.settings.home, f"sweep-{stored.row.name}"):
        refuse_while_worked_on(stored)
        found = footprint(stored)
        # From now on nobody joins.
        stored.storage.sweeps.ask_to_stop(stored.row.id, 1)
        refuse_while_worked_on(stored)
        for step in _steps(stored):
            if on_progress is not None:
                on_progress(step)
    return found


def refuse_while_worked_on(stored: StoredSweep) -> None:
    """Refuse to delete under the hands of a worker or a promotion.

    Raises:
        InputError: Saying how to end them.
    """
    name = stored.row.name
    workers = read_status(stored.storage, stored.row).workers
    if workers:
        hosts = ", ".join(sorted({worker["host"] for worker in workers}))
        raise InputError(
            f"{len(workers)} workers run the sweep {name!r} on {hosts}: end them first, with "
            f"'foldsweep stop {name}'."
        )
    if is_anyone_present(stored.folder / "promotions"):
        raise InputError(f"a promotion of the sweep {name!r} is running: wait for it, or end it.")


def _steps(stored: StoredSweep) -> Iterator[str]:
    """Delete one thing after the other, naming each when it is gone."""
    storage, row = stored.storage, stored.row
    with open_sweep_runs(stored.tracking, row.name, row.id) as runs:
        _delete_runs(runs)
    yield "the runs in MLflow"
    from search.study.study import delete_studies

    delete_studies(storage, row.name)
    yield "the studies"
    stored.blobs.remove(row.id)
    yield "the checkpoints"
    free_views_of(storage, row, stored.settings)
    yield "images, views and features"
    shutil.rmtree(stored.folder, ignore_errors=True)
    yield "the files"
    storage.sweeps.delete(row.id)
    yield "the rows of the storage"


def _delete_runs(runs: SweepRuns) -> None:
    runs.restore()
    runs.delete([run.run_id for run in runs.all() if not runs.versions(run.run_id)])
    runs.retire()
