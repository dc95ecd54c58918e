import io
from typing import Any

import pytest
from rich.console import Console

from search.cli.output import side_terminal
from search.progress import (
    LiveProgress,
    best_line,
    counts_line,
    duration,
    fold_scores,
    live_view,
    number,
    shared_line,
    summary,
)


class Status:
    """A status that only knows its document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def to_json(self) -> dict[str, Any]:
        return self._document


def document(**changes: Any) -> dict[str, Any]:
    running: dict[str, Any] = {
        "sweep": "cells",
        "state": "running",
        "budget": {"trials": 40, "hours": None, "gpu_hours": None},
        "trials": {"free": 26, "running": 2, "done": 8, "pruned": 3, "failed": 1},
        "best": {"trial": 7, "score": 0.61234, "clean": 0.8, "shifted": 0.4247},
        "leaderboard": [],
        "workers": [
            {
                "id": "here-1-0a1b2c3d",
                "trial": 12,
                "stage": "head",
                "epoch": 4,
                "folds": {"10": 0.75, "0": 0.5},
                "score": 0.625,
            },
            {"id": "here-2-0a1b2c3d", "trial": None},
        ],
        "seconds_left": 840.0,
    }
    return {**running, **changes}


def text_of(renderable: Any) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(renderable)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_a_line_that_is_said_stays_where_there_is_no_terminal() -> None:
    console = Console(file=io.StringIO(), width=120)
    with LiveProgress(console) as progress:
        progress.say("space: auto is small")
        progress.show(Status(document()))
    assert console.file.getvalue().splitlines()[0] == "space: auto is small"  # type: ignore[attr-defined]


def test_the_counts_line_says_how_many_trials_have_ended_and_how() -> None:
    assert counts_line(document()).plain == (
        "cells: 12 of 40 trials done (3 pruned, 1 failed), 2 running, 14 min left"
    )


def test_the_counts_line_says_how_many_were_fine_tuned() -> None:
    tuning = {"free": 1, "running": 2, "done": 3, "pruned": 2, "failed": 1}
    assert counts_line(document(finetuning=tuning)).plain == (
        "cells: 12 of 40 trials done (3 pruned, 1 failed), 2 running, 6 fine-tuned, "
        "2 being fine-tuned, 14 min left"
    )
    assert "fine-tuned" not in counts_line(document(finetuning={"done": 0})).plain


def test_a_best_score_that_comes_from_fine_tuning_is_called_so() -> None:
    best = {"trial": 7, "score": 0.8, "clean": 0.8, "shifted": None, "stage": "finetune"}
    expected = "best: trial 7 with 0.8000 (clean 0.8000, fine-tuned)"
    assert best_line(document(best=best)) == expected


def test_without_a_terminal_a_line_comes_when_a_fine_tuning_ends() -> None:
    out = io.StringIO()
    with LiveProgress(Console(file=out, width=300)) as progress:
        for done in (0, 1, 1):
            progress.show(Status(document(finetuning={"done": done})))
    assert len(out.getvalue().splitlines()) == 2


def test_a_sweep_without_a_score_says_so() -> None:
    assert best_line(document(best=None)) == "no score yet"


def test_the_best_line_has_trial_score_clean_and_shifted() -> None:
    assert best_line(document()) == "best: trial 7 with 0.6123 (clean 0.8000, shifted 0.4247)"


def test_the_interval_of_the_best_is_labelled_as_that_of_a_chosen_trial() -> None:
    best = {**document()["best"], "interval": [0.59, 0.63]}
    assert best_line(document(best=best)).endswith(
        ", 95 % interval 0.5900 to 0.6300 (optimistic, the best of 8)"
    )


def test_a_sweep_without_a_shift_shows_no_shifted_score() -> None:
    best = {"trial": 7, "score": 0.8, "clean": 0.8, "shifted": None}
    assert best_line(document(best=best)) == "best: trial 7 with 0.8000 (clean 0.8000)"


def test_the_live_view_has_a_line_for_each_thing() -> None:
    lines = text_of(live_view(document(workers=[]))).splitlines()
    assert [line[:5] for line in lines] == ["cells", "━━━━━", "best:"]


def test_the_live_view_shows_each_workers_trial_stage_epoch_and_folds_in_order() -> None:
    shown = text_of(live_view(document()))
    row = next(line for line in shown.splitlines() if line.startswith("here-1"))
    assert row.split() == ["here-1", "12", "head", "5", "0.5000", "0.7500", "0.6250"]
    idle = next(line for line in shown.splitlines() if line.startswith("here-2"))
    assert idle.split()[1:] == ["-", "-", "-", "-"]


FULL = "the disk is full: /home/a is written (No space left on device); make room and try again."
WAITING = [
    {"id": "here-1-0a1b2c3d", "trial": None, "waiting": FULL},
    {"id": "here-2-0a1b2c3d", "trial": 3, "stage": "head", "epoch": 0, "waiting": None},
]


def test_a_worker_that_waits_for_room_on_the_disk_says_so_wherever_a_sweep_is_shown() -> None:
    paused = document(workers=WAITING)
    for shown in (live_view(paused), summary(paused)):
        assert " ".join(text_of(shown).split()).count(f"here-1 is waiting: {FULL}") == 1
        assert "here-2 is waiting" not in text_of(shown)


def test_without_a_terminal_a_line_comes_when_a_worker_begins_or_ends_to_wait() -> None:
    out = io.StringIO()
    with LiveProgress(Console(file=out, width=300)) as progress:
        for workers in ([], WAITING, WAITING, WAITING[1:]):
            progress.show(Status(document(workers=workers)))
    lines = out.getvalue().splitlines()
    assert [f"here-1 is waiting: {FULL}" in line for line in lines] == [False, True, False]


def test_what_was_shared_is_shown_if_the_status_carries_it() -> None:
    assert shared_line(document()) == ""
    shared = {"views": {"made": 3, "reused": 9}, "features": {"made": 2, "reused": 5}}
    assert shared_line(document(shared=shared)) == (
        "views: 3 made, 9 reused; features: 2 made, 5 reused"
    )
    assert "9 reused" in text_of(live_view(document(shared=shared)))


def test_without_a_terminal_a_line_comes_when_a_trial_ends_and_not_more_often() -> None:
    out = io.StringIO()
    with LiveProgress(Console(file=out, width=200)) as progress:
        progress.show(Status(document()))
        progress.show(Status(document(seconds_left=800.0)))
        ended = {"free": 26, "running": 1, "done": 9, "pruned": 3, "failed": 1}
        progress.show(Status(document(trials=ended)))
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert "12 of 40" in lines[0]
    assert "trial 12 head epoch 5" in lines[0]
    assert "13 of 40" in lines[1]
    assert "\x1b" not in out.getvalue()


def test_in_a_terminal_the_view_is_redrawn_and_gone_at_the_end() -> None:
    out = io.StringIO()
    console = Console(file=out, width=120, force_terminal=True)
    with LiveProgress(console) as progress:
        progress.show(Status(document()))
        progress.show(Status(document()))
    assert out.getvalue().count("12 of 40") >= 2
    erase_line = "\x1b[2K"
    assert erase_line in out.getvalue().rpartition("12 of 40")[2]


def test_names_with_brackets_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    with LiveProgress(side_terminal()) as progress:
        progress.show(Status(document(sweep="a[b]c")))
    assert "a[b]c" in capsys.readouterr().err


def test_numbers_times_and_folds_are_written_as_people_read_them() -> None:
    assert [number(0.12345), number(None), number(float("nan"))] == ["0.1235", "-", "-"]
    assert [duration(s) for s in (45, 720, 12_000, None)] == ["45 s", "12 min", "3 h 20 min", "-"]
    assert fold_scores([0.5, 1.0]) == "0.5000 1.0000"
    assert fold_scores(None) == ""
