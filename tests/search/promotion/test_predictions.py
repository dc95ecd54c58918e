"""Out-of-fold predictions of finished trials, found on this machine, in MLflow, or not at all."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlruns_config.description.trial import OOF
from mlruns_config.registry.registry import registry
from search.open_sweep import OpenSweep
from search.promotion.candidate import finished_candidates
from search.promotion.predictions import Gathered, gather_predictions
from tests.search.promotion_home import BAD, CUSTOM, GOOD, Home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("predictions"))


@pytest.fixture
def opened(home: Home, request: pytest.FixtureRequest) -> OpenSweep:
    """A sweep of its own for each test."""
    return home.sweep(f"sweep-{abs(hash(request.node.name))}", np.arange(0, 537, 5))


def _predictions(opened: OpenSweep, seed: int = 0) -> np.ndarray:
    n_rows = len(opened.prepared.splits.rows)
    return np.random.default_rng(seed).dirichlet(np.ones(3), n_rows).astype(np.float32)


def _gather(opened: OpenSweep) -> Gathered:
    candidates = finished_candidates(opened.slots.all(), opened.file.sweep)
    return gather_predictions(opened, candidates, lambda text: None)


def test_predictions_on_this_machine_are_the_members_of_the_table(
    home: Home, opened: OpenSweep
) -> None:
    clean, shifted = _predictions(opened), _predictions(opened, 1)
    home.keep_predictions(opened, GOOD, clean, shifted)
    home.keep_predictions(opened, CUSTOM, shifted, clean)
    found = _gather(opened)
    assert [candidate.trial for candidate in found.candidates] == [GOOD, CUSTOM]
    np.testing.assert_array_equal(found.table.members[0], [clean, shifted])
    np.testing.assert_array_equal(found.table.members[1], [shifted, clean])
    rows = opened.prepared.splits.rows
    np.testing.assert_array_equal(found.table.labels, home.data.labels[rows])
    np.testing.assert_array_equal(found.table.groups, rows)
    assert set(found.left_out) == {BAD}
    assert "neither on this machine nor in MLflow" in found.left_out[BAD]


def test_predictions_that_are_no_longer_here_come_from_mlflow(
    home: Home, opened: OpenSweep
) -> None:
    clean, shifted = _predictions(opened), _predictions(opened, 1)
    path = home.keep_predictions(opened, GOOD, clean, shifted)
    with registry(home.tracking) as client:
        experiment = client.create_experiment(opened.row.name, f"{home.folder}/art")
        run_id = client.create_run(experiment).info.run_id
        client.log_artifact(run_id, str(path), OOF.folder)
    opened.slots.note_run(GOOD, run_id)
    shutil.rmtree(path.parents[1])
    found = _gather(opened)
    assert [candidate.trial for candidate in found.candidates] == [GOOD]
    np.testing.assert_array_equal(found.table.members[0], [clean, shifted])


def test_without_a_shift_there_is_one_view(home: Home, opened: OpenSweep) -> None:
    home.keep_predictions(opened, GOOD, _predictions(opened), None)
    (member,) = _gather(opened).table.members
    assert len(member) == 1


def _with(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        with np.load(path) as archive:
            arrays: dict[str, Any] = dict(archive)
        np.savez_compressed(path, allow_pickle=False, **{**arrays, name: change(arrays[name])})

    return spoil


def _blank_a_row(probabilities: np.ndarray) -> np.ndarray:
    probabilities[7] = 0
    return probabilities


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_with("rows", lambda rows: rows + 1), "of other rows than the sweep's"),
        (_with("fold_of", lambda folds: 1 - folds), "of other fold_of than the sweep's"),
        (_with("class_names", lambda names: names[::-1]), "of other classes"),
        (
            _with("clean", lambda clean: clean[:-1]),
            r"'clean' have shape \(428, 3\), expected \(429",
        ),
        (_with("clean", lambda clean: clean[:, :2]), r"'clean' have shape \(429, 2\)"),
        (_with("clean", _blank_a_row), r"1 of \d+ rows have no probabilities \(clean\)"),
        (_with("shifted", lambda shifted: shifted * np.nan), r"no probabilities \(shifted\)"),
        (lambda path: path.write_bytes(path.read_bytes()[:900]), "cut off"),
    ],
)
def test_predictions_that_are_not_of_these_rows_are_left_out_with_the_reason(
    spoil: Callable[[Path], None], reason: str, home: Home, opened: OpenSweep
) -> None:
    whole = _predictions(opened)
    spoil(home.keep_predictions(opened, GOOD, whole, whole))
    home.keep_predictions(opened, BAD, whole, whole)
    found = _gather(opened)
    assert [candidate.trial for candidate in found.candidates] == [BAD]
    assert re.search(reason, found.left_out[GOOD])
