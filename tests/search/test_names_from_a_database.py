"""A database says how sweeps are called and what they name: no way out of the home, no code."""

import sys
from typing import Any

import pytest
from sqlalchemy import create_engine, update

from search.disk_space import free_space
from search.joining import refuse_changes
from search.storage.storage import Storage
from search.storage.tables import sweeps
from search.sweep import Sweep
from search.sweep_file.sweep_file import check_sweep
from spaces.errors import InputError
from tests.search.small_sweep import enter_sweep

EVIL = "tests.search.imported_by_nobody:score"


@pytest.mark.parametrize(
    ("key", "stored"),
    [
        ("objective", {"objective": EVIL}),
        ("space", {"space": EVIL}),
        ("space", {"space": {"base": "small", "backbone": ["small_cnn", EVIL]}}),
        ("space", {"space": {"base": "small", "policy": [f"none|augmix+{EVIL}@low"]}}),
        ("validation", {"validation": {"shift": f"augmix+{EVIL}"}}),
    ],
)
def test_code_that_the_database_alone_names_is_not_imported(
    content: dict[str, Any], storage: Storage, key: str, stored: dict[str, Any]
) -> None:
    file = check_sweep({**content, **stored})
    row = enter_sweep(storage, content["sweep"], file=file.as_written())
    left_out = {name: value for name, value in content.items() if name != key}
    with pytest.raises(InputError, match=f"{EVIL}, which this file does not name"):
        refuse_changes(row, check_sweep(left_out))
    assert refuse_changes(row, file).names_of_code == file.names_of_code
    assert EVIL.partition(":")[0] not in sys.modules


@pytest.mark.parametrize("name", ["évil:run", "lab.nets:é", "lab.nets:"])
def test_whatever_would_be_imported_counts_as_code(content: dict[str, Any], name: str) -> None:
    file = check_sweep({**content, "space": {"base": "small", "backbone": name}})
    assert name in file.names_of_code


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
