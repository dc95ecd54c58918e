"""The sections of a sweep file that decide how its trials are run."""

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from objectives.settings import Section
from objectives.stopping.pruning import PrunerName
from search.storage.records import Budget

SamplerName = Literal["tpe", "random"]


class SearchSettings(Section):
    """How points are chosen, and when a trial is given up."""

    sampler: SamplerName = "tpe"
    pruner: PrunerName = "percentile"
    """``percentile`` stops a trial in the worst quarter of those at its epoch, ``median`` one in
    the worse half, ``hyperband`` runs brackets of successive halving, ``none`` stops none."""
    burst: int = Field(default=3, ge=1, le=10_000)
    """Trials in a row that a worker runs on one backbone and augmentation, if the first of them is
    not below the median."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the folds, the augmentation and the sampler."""


class BudgetSettings(Section):
    """When the sweep ends; the first limit that is reached counts."""

    trials: int = Field(default=40, ge=1, le=100_000)
    """Trials in all; pruned and failed ones count."""
    hours: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """After so many hours in which a worker ran no trial starts; running ones end with their
    epoch."""
    gpu_hours: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """The same in hours times GPUs; without a GPU it sets no limit."""
    money: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """The same in any currency, by ``gpu_hour_price``; without a GPU it sets no limit."""
    gpu_hour_price: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """What an hour of one GPU costs."""

    @model_validator(mode="after")
    def _money_has_a_price(self) -> "BudgetSettings":
        if self.money is not None and self.gpu_hour_price is None:
            raise ValueError(
                f"money is {self.money:g}, but nothing says what a GPU costs: set gpu_hour_price."
            )
        return self

    @property
    def limits(self) -> Budget:
        """The budget as the storage keeps it."""
        return Budget(**self.model_dump())


class WorkerSettings(Section):
    """Who runs the trials."""

    engine: Literal["local", "ray"] = "local"
    count: int = Field(default=1, ge=1, le=256)
    """Worker processes: with Ray in all, with the local engine where there is no GPU."""
    gpus_per_worker: float = Field(default=1.0, ge=0.0, le=1_000)
    """GPUs of each worker, a fraction to share one; 0 leaves the GPUs alone."""
    cpus_per_worker: int = Field(default=1, ge=1, le=1_000)
    """CPU cores that each worker asks Ray for; the local engine shares out those of the machine."""
    address: str = "auto"
    """Ray's cluster: ``auto`` the one that this machine belongs to, ``HOST:PORT`` any other of it,
    ``local`` a Ray of this machine that is started for the launch."""

    @field_validator("address")
    @classmethod
    def _is_no_url(cls, address: str) -> str:
        if not re.fullmatch(r"auto|local|[^\s/@]+:\d+", address):
            raise ValueError(
                "a Ray cluster is written 'auto', 'local' or 'HOST:PORT'; launch on a machine of it"
            )
        return address
