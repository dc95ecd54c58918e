"""Which engine a sweep file names."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from search.engines.local import local_places
from search.engines.place import Place
from search.open_sweep import OpenSweep
from search.settings import RuntimeSettings
from search.sweep_file.sections import WorkerSettings
from search.workers.device import assign_devices, find_gpus

Engine = Callable[[OpenSweep], Sequence[Place]]
"""Gives the places for a sweep's workers."""


@contextmanager
def open_engine(workers: WorkerSettings, settings: RuntimeSettings) -> Iterator[Engine]:
    """Give the engine for as long as a block runs.

    Raises:
        InputError: If it can run no such worker here.
        UnavailableError: If it does not answer.
    """
    if workers.engine == "local":
        devices = assign_devices(workers, find_gpus(settings.visible_gpus))
        yield partial(local_places, devices=devices)
        return
    from search.engines.ray import ray_engine

    with ray_engine(workers, settings) as engine:
        yield engine
