"""However a promotion ends, its run in MLflow ends with it, and its look was entered first."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
from sqlalchemy import Engine, event

from objectives.evaluation.holdout import HoldoutViews
from objectives.records import RowArray, TrialContext
from search.open_sweep import OpenSweep
from search.storage.promotions import Look
from spaces.errors import InputError
from tests.search import dying_promotion
from tests.search.promotion_home import BAD, GOOD, Home, build, make_views

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("promotion"))


def _refused(home: Home, opened: OpenSweep, **options: object) -> None:
    """Promote an untrained network, which the gate refuses, so that nothing is registered."""
    assert not home.promote(opened, BAD, **{"refit": build, **options}).passed


@contextmanager
def _interrupt_at(number: int) -> Iterator[list[str]]:
    """Interrupt one of the steps, counted from 1; gives those that came so far.

    A step is a statement to any database, ours or MLflow's, that writes or that follows on such.
    """
    steps: list[str] = []
    followed = ""

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal followed
        writes = ("INSERT", "UPDATE", "DELETE")
        is_step = statement.startswith(writes) or followed.startswith(writes)
        followed = statement
        if is_step:
            steps.append(statement)
            if len(steps) == number:
                raise KeyboardInterrupt

    event.listen(Engine, "before_cursor_execute", count)
    try:
        yield steps
    finally:
        event.remove(Engine, "before_cursor_execute", count)


def test_an_interrupt_at_any_step_ends_the_run_as_killed(home: Home) -> None:
    opened = home.sweep("interrupted", np.arange(0, 537, 5))
    _refused(home, opened)
    with _interrupt_at(0) as steps:
        _refused(home, opened)
    assert len(steps) > 15
    for number in range(1, len(steps) + 1):
        with _interrupt_at(number), pytest.raises(KeyboardInterrupt):
            _refused(home, opened)
    made = home.run_states("interrupted")[2:]
    assert set(made) == {"KILLED"}
    # The first few steps are of the transaction that makes the run: interrupted there, it is none.
    assert len(steps) - 5 < len(made) < len(steps)


@pytest.mark.parametrize("step", ["refitting", "asking the challenger", "registering"])
def test_an_interrupt_between_steps_ends_the_run_as_killed(home: Home, step: str) -> None:
    opened = home.sweep(f"killed-{step.split()[0]}", np.arange(0, 537, 5))

    def interrupt(text: str) -> None:
        if text.startswith(step):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        home.promote(opened, GOOD, on_progress=interrupt)
    assert home.run_states(opened.row.name) == ["KILLED"]
    assert home.champion(opened.row.name) is None


def test_sigterm_ends_the_run_as_killed(home: Home) -> None:
    opened = home.sweep("terminated", np.arange(0, 537, 5))
    unheard: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        unheard.append(number)

    def terminate(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, note)
    try:
        with pytest.raises(KeyboardInterrupt):
            home.promote(opened, BAD, refit=terminate)
        assert signal.getsignal(signal.SIGTERM) is note
    finally:
        signal.signal(signal.SIGTERM, before)
    assert unheard == []
    assert home.run_states("terminated") == ["KILLED"]


def test_an_error_ends_the_run_as_failed_and_is_what_the_caller_hears_of(home: Home) -> None:
    opened = home.sweep("failed", np.arange(0, 537, 5))

    def fail(*_: object) -> None:
        raise InputError("the point cannot be refitted")

    with pytest.raises(InputError, match="cannot be refitted"):
        home.promote(opened, BAD, refit=fail)
    assert home.run_states("failed") == ["FAILED"]


def test_the_next_promotion_ends_the_run_of_one_that_was_killed_and_leaves_one_that_lives(
    home: Home, tmp_path: Path
) -> None:
    name, rows = dying_promotion.NAME, dying_promotion.HOLDOUT_ROWS
    command = [sys.executable, "-m", dying_promotion.__name__, str(home.folder)]
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as child,
    ):
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "refitting\n", (tmp_path / "log").read_text()
            opened = home.sweep(name, rows)
            _refused(home, opened)
            assert home.run_states(name) == ["RUNNING", "FINISHED"]
        finally:
            child.kill()
    assert home.run_states(name) == ["RUNNING", "FINISHED"]
    _refused(home, opened)
    assert home.run_states(name) == ["KILLED", "FINISHED", "FINISHED"]
    # A promotion that came to its end is settled too: nothing piles up.
    assert len(list((opened.folder / "promotions").iterdir())) == 1


def test_a_look_is_entered_before_it_is_taken(home: Home) -> None:
    opened = home.sweep("looked", np.arange(0, 537, 5))
    book = home.storage.promotions
    looks: list[Look] = []

    def views(rows: RowArray) -> HoldoutViews:
        looks.extend(book.all())
        return make_views(home.data)(rows)

    before = len(book.all())
    _refused(home, opened, views=views)
    assert len(looks) == before + 1
    assert (looks[-1].sweep_id, len(looks[-1].ids)) == (opened.row.id, 108)
    assert looks[-1].passed is None
    assert book.all()[-1].passed is False


def test_a_holdout_that_shares_an_image_or_a_near_copy_of_one_has_been_looked_at(
    home: Home,
) -> None:
    # Row 401 is a near copy of row 301; no other test here looks at these.
    groups = np.arange(537)
    groups[401] = groups[301]
    holdouts = {
        "first": [301, 302, 303, 304],
        "a-row-less-and-another": [302, 303, 304, 361],
        "only-the-other": [361, 362, 363],
        "nothing-of-it": [441, 446],
        "a-near-copy": [401, 402],
    }
    looks = {
        name: home.promote(home.sweep(name, np.array(rows), groups=groups), BAD, refit=build).looks
        for name, rows in holdouts.items()
    }
    assert list(looks.values()) == [1, 2, 2, 1, 2]


def test_a_holdout_of_one_group_has_one_draw_and_so_no_width(home: Home) -> None:
    held_out, groups = np.arange(0, 100), np.arange(537)
    groups[held_out] = 1000
    found = home.promote(home.sweep("one-patient", held_out, groups=groups), BAD, refit=build)
    for scores in found.holdout.by_view().values():
        assert scores is not None
        assert scores.low == scores.score == scores.high
    assert found.decision.interval == (found.decision.score, found.decision.score)


def test_a_refit_keeps_to_the_room_that_the_machine_gives_to_the_store(home: Home) -> None:
    caps: list[int] = []

    def refit(params: object, _epochs: object, context: TrialContext) -> object:
        caps.append(context.max_store_bytes)
        return build(params)  # type: ignore[arg-type]

    _refused(home, home.sweep("small-disk", np.arange(0, 537, 5)), refit=refit)
    assert caps == [home.settings.store_bytes] == [10**9]
