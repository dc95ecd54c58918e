"""What is settled when a sweep is made."""

from pathlib import Path
from typing import Any

import pytest

from search.creation import with_views_that_fit
from search.settings import RuntimeSettings
from search.sweep_file.sweep_file import SweepFile
from spaces.errors import InputError

N_ROWS = 1000
VIEW_GB = N_ROWS * 8192 * 2 / 1e9


def _file(tmp_path: Path, **train: Any) -> SweepFile:
    return SweepFile.model_validate(
        {"sweep": "zoo", "data": {"path": str(tmp_path / "zoo.npz")}, "train": train}
    )


def _store_of(tmp_path: Path, views: float) -> RuntimeSettings:
    return RuntimeSettings(home=tmp_path, store_gb=views * VIEW_GB)


def test_views_that_fit_stay_as_they_are(tmp_path: Path) -> None:
    file = _file(tmp_path)
    assert with_views_that_fit(file, N_ROWS, _store_of(tmp_path, 40)) is file


def test_views_that_no_epoch_reads_need_no_room(tmp_path: Path) -> None:
    file = _file(tmp_path, head_epochs=5)
    assert with_views_that_fit(file, N_ROWS, _store_of(tmp_path, 16.01)) is file


def test_fewer_views_are_drawn_where_not_all_fit_beside_the_two_of_validation(
    tmp_path: Path,
) -> None:
    # Three quarters of 16 views are 12.
    fitted = with_views_that_fit(_file(tmp_path), N_ROWS, _store_of(tmp_path, 16.01))
    assert fitted.train.views == 10
    assert with_views_that_fit(_file(tmp_path), N_ROWS, _store_of(tmp_path, 1)).train.views == 1


def test_views_that_a_file_asks_for_and_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"train.views = 30: .* 10 fit into FOLDSWEEP_STORE_GB"):
        with_views_that_fit(_file(tmp_path, views=30), N_ROWS, _store_of(tmp_path, 16.01))
