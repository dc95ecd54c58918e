"""A database says how sweeps are called; that must not lead out of the home."""

from typing import Any

import pytest
from sqlalchemy import create_engine, update

from search.disk_space import free_space
from search.storage.tables import sweeps
from search.sweep import Sweep


@pytest.mark.slow
def test_space_is_freed_inside_of_the_home_alone(content: dict[str, Any]) -> None:
    sweep = Sweep.from_mapping({**content, "budget": {"trials": 1}})
    sweep.work()
    home = sweep.settings.home
    inside = sweep.settings.sweep_folder("tiny") / "trials" / "0"
    outside = home.parent / "x" / "trials" / "0" / "thesis.txt"
    outside.parent.mkdir(parents=True)
    outside.write_text("three years of work")
    assert inside.is_dir()
    engine = create_engine(sweep.settings.storage_url)
    with engine.begin() as connection:
        connection.execute(update(sweeps).values(name="../../x"))
    engine.dispose()
    freed = free_space(sweep.storage, sweep.settings)
    assert outside.read_text() == "three years of work"
    assert freed.checkpoints.entries == 0
