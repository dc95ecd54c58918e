"""Fill a sweep with trials and workers by plain inserts, where running them would take hours."""

import random
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)
from optuna.storages._rdb import models
from optuna.trial import TrialState
from sqlalchemy import Connection, bindparam, insert, select, update

from bench.storing.objective import value_of
from search.open_sweep import OpenSweep
from search.storage import tables
from search.storage.columns import now_s
from search.storage.database import Database
from search.study.study import SLOT_ATTRIBUTE
from spaces.params import TrialParams
from spaces.space import Dimension, Space, Value

ROWS_A_CALL = 2000


class RandomPoint:
    """A point of a space, drawn without a study."""

    def __init__(self, space: Space, generator: random.Random) -> None:
        self._random = generator
        self.drawn: list[tuple[str, float, BaseDistribution]] = []
        """Label, value as Optuna stores it, distribution."""
        self.params: TrialParams = space.draw(self._draw)

    def _draw(self, dimension: Dimension) -> Value:
        distribution = distribution_of(dimension)
        value: Value
        if dimension.kind == "choice":
            value = self._random.choice(dimension.choices)
        elif dimension.kind == "int":
            value = self._random.randint(int(dimension.low), int(dimension.high))
        else:
            value = self._uniform(dimension)
        stored = distribution.to_internal_repr(value)
        self.drawn.append((dimension.label, stored, distribution))
        return value

    def _uniform(self, dimension: Dimension) -> float:
        if not dimension.log:
            return self._random.uniform(dimension.low, dimension.high)
        return float(dimension.low * (dimension.high / dimension.low) ** self._random.random())


def distribution_of(dimension: Dimension) -> BaseDistribution:
    """Give what Optuna stores with a parameter of a dimension."""
    if dimension.kind == "choice":
        return CategoricalDistribution(dimension.choices)
    if dimension.kind == "int":
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def fill(database: Database, opened: OpenSweep, *, trials: int, workers: int) -> None:
    """Write finished trials into the slots and the study, and workers that live elsewhere.

    Args:
        database: Of the sweep.
        opened: A sweep in which nothing was run, with at least as many slots.
        trials: How many have ended.
        workers: How many are there besides those that are to come.
    """
    generator = random.Random(0)
    points = [RandomPoint(opened.space, generator) for _ in range(trials)]
    opened.study()  # Makes it.
    with database.engine.begin() as connection:
        _fill_slots(connection, opened, [point.params for point in points])
        fill_study(connection, opened.row.name, points)
        _fill_workers(connection, opened.row.id, workers)


def _fill_slots(connection: Connection, opened: OpenSweep, points: Sequence[TrialParams]) -> None:
    folds = opened.file.validation.folds
    this = (tables.slots.c.sweep_id == opened.row.id) & (tables.slots.c.number == bindparam("slot"))
    change = update(tables.slots).where(this)
    names = [
        *("state", "attempt", "trial", "study_trial", "params", "score", "clean", "shifted"),
        *("detail", "told", "spooled", "worker_id", "began_at", "claimed_at", "ended_at"),
    ]
    change = change.values({name: bindparam(f"new_{name}") for name in names})
    now = float(connection.scalar(select(now_s())) or 0.0)
    rows = []
    for number, params in enumerate(points):
        score = value_of(params)
        values: dict[str, Any] = {
            "state": "done",
            "attempt": 1,
            "trial": number,
            "study_trial": number,
            "params": params.model_dump(exclude_unset=True),
            **dict.fromkeys(("score", "clean", "shifted"), score),
            "detail": {"fold_scores": [score] * folds, "epochs": {"head": 40}},
            "told": True,
            "spooled": "done",
            "worker_id": "elsewhere",
            **dict.fromkeys(("began_at", "claimed_at", "ended_at"), now),
        }
        rows.append({"slot": number, **{f"new_{name}": value for name, value in values.items()}})
    for start in range(0, len(rows), ROWS_A_CALL):
        connection.execute(change, rows[start : start + ROWS_A_CALL])


def fill_study(connection: Connection, name: str, points: Sequence[RandomPoint]) -> None:
    """Write finished trials into a study that has none."""
    study_id = connection.scalar(
        select(models.StudyModel.study_id).where(models.StudyModel.study_name == name)
    )
    now = datetime.now()
    trials = [
        {"number": number, "study_id": study_id, "state": TrialState.COMPLETE}
        | {"datetime_start": now, "datetime_complete": now}
        for number in range(len(points))
    ]
    _insert(connection, models.TrialModel, trials)
    query = (
        select(models.TrialModel.trial_id)
        .where(models.TrialModel.study_id == study_id)
        .order_by(models.TrialModel.number)
    )
    ids = connection.execute(query).scalars().all()
    params, values, attributes = [], [], []
    for trial_id, (number, point) in zip(ids, enumerate(points), strict=True):
        params += [
            {"trial_id": trial_id, "param_name": label, "param_value": value}
            | {"distribution_json": distribution_to_json(distribution)}
            for label, value, distribution in point.drawn
        ]
        values.append(
            {"trial_id": trial_id, "objective": 0, "value": value_of(point.params)}
            | {"value_type": models.TrialValueModel.TrialValueType.FINITE}
        )
        attributes.append({"trial_id": trial_id, "key": SLOT_ATTRIBUTE, "value_json": str(number)})
    _insert(connection, models.TrialParamModel, params)
    _insert(connection, models.TrialValueModel, values)
    _insert(connection, models.TrialUserAttributeModel, attributes)


def _fill_workers(connection: Connection, sweep_id: str, count: int) -> None:
    rows = [
        {"id": f"elsewhere-{uuid.uuid4().hex}", "sweep_id": sweep_id, "host": "elsewhere"}
        | {"machine": "elsewhere", "pid": 1, "pid_started_at": 0.0, "device": "gpu:0", "gpus": 1.0}
        for _ in range(count)
    ]
    joins = insert(tables.workers).values(joined_at=now_s(), seen_at=now_s())
    if rows:
        connection.execute(joins, rows)


def _insert(connection: Connection, model: Any, rows: Sequence[dict[str, Any]]) -> None:
    for start in range(0, len(rows), ROWS_A_CALL):
        connection.execute(insert(model), list(rows[start : start + ROWS_A_CALL]))
