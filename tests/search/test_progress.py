import io
from typing import Any

import pytest
from rich.console import Console

from search.cli.output import side_terminal
from search.live_progress import LiveProgress
from search.live_view import LiveView
from search.progress import (
    best_line,
    cost_phrases,
    counts_line,
    duration,
    failure_lines,
    fold_scores,
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
    lines = text_of(LiveView(document(workers=[]))).splitlines()
    assert [line[:5] for line in lines] == ["cells", "━━━━━", "best:"]


def test_the_live_view_shows_each_workers_trial_stage_epoch_and_folds_in_order() -> None:
    shown = text_of(LiveView(document()))
    row = next(line for line in shown.splitlines() if line.startswith("here-1"))
    assert row.split() == ["here-1", "12", "head", "5", "0.5000", "0.7500", "0.6250"]
    idle = next(line for line in shown.splitlines() if line.startswith("here-2"))
    assert idle.split()[1:] == ["-", "-", "-", "-"]


FULL = "the disk is full: /home/a is written (No space left on device); make room and try again."
WAITING: list[dict[str, Any]] = [
    {"id": "here-1-0a1b2c3d", "trial": None, "waiting": FULL},
    {"id": "here-2-0a1b2c3d", "trial": 3, "stage": "head", "epoch": 0, "waiting": None},
]


def test_a_worker_that_waits_for_room_on_the_disk_says_so_wherever_a_sweep_is_shown() -> None:
    paused = document(workers=WAITING)
    for shown in (LiveView(paused), summary(paused)):
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
    assert "9 reused" in text_of(LiveView(document(shared=shared)))


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


def lines_of(renderable: Any, *, columns: int, lines: int = 40) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=columns, height=lines, force_terminal=True, color_system=None)
    console.print(renderable)
    return out.getvalue().splitlines()


BUSY = document(
    best={
        "trial": 7,
        "score": 0.61234,
        "clean": 0.8,
        "shifted": 0.4247,
        "stage": "finetune",
        "interval": [0.59, 0.63],
        "ended_at": 1000.0,
    },
    budget={"trials": 40, "money": 10.0, "money_used": 3.2},
    money_left=1.1,
    read_at=1720.0,
    finetuning={"done": 1, "running": 1},
    shared={"views": {"made": 3, "reused": 9, "streamed": 0}, "features": {"made": 2, "reused": 5}},
    workers=[
        {
            "id": f"a-machine-with-a-long-name-{number}-0a1b2c3d",
            "device": "gpu:0",
            "trial": number,
            "phase": "finetune",
            "stage": "finetune" if number else None,
            "epoch": 11 if number else None,
            "folds": {"0": 0.5, "1": 0.75},
            "score": 0.625,
            "backbone": "mobilenet_v2",
            "making": "features of mobilenet_v2: randaugment@medium, view 3",
            "waiting": None,
        }
        for number in range(2)
    ],
    failures=[
        {"reason": "out of memory " * 20, "trials": [9, 4], "latest_at": 1660.0},
        {"reason": "a bell\x07 and\x1b[2J a new\nline", "trials": [3], "latest_at": 10.0},
    ],
)


@pytest.mark.parametrize("columns", range(40, 61, 4))
def test_in_a_narrow_terminal_phrases_and_numbers_stay_whole(columns: int) -> None:
    lines = lines_of(LiveView(BUSY), columns=columns)
    assert max(map(len, lines)) <= columns
    text = "\n".join(lines)
    for phrase in (
        "12 of 40 trials done",
        "(3 pruned, 1 failed),",
        "best: trial 7 with 0.6123",
        "found 12 min ago,",
        "cost: 3.20 of 10.00,",
        "about 1.10 to come",
        "features: 2 made, 5 reused",
    ):
        assert phrase in text
    row = next(line for line in lines if line.startswith("…") and "name-1 " in line)
    assert row.split()[1:5] == ["gpu:0", "1", "finetune", "12"]


def test_where_there_is_room_a_worker_has_its_device_backbone_and_folds() -> None:
    lines = lines_of(LiveView(BUSY), columns=140)
    head = next(line for line in lines if line.startswith("worker"))
    assert head.split() == [
        "worker",
        "device",
        "trial",
        "stage",
        "epoch",
        "folds",
        "score",
        "backbone",
    ]
    row = next(line for line in lines if line.startswith("a-machine-with-a-long-name-1 "))
    assert "0.5000 0.7500" in row
    assert row.rstrip().endswith("mobilenet_v2")


def test_a_worker_without_an_epoch_shows_its_phase_and_what_it_makes() -> None:
    text = "\n".join(lines_of(LiveView(BUSY), columns=140))
    row = next(
        line for line in text.splitlines() if line.startswith("a-machine-with-a-long-name-0")
    )
    assert row.split()[1:5] == ["gpu:0", "0", "finetune", "-"]
    made = "long-name-0 makes features of mobilenet_v2: randaugment@medium, view 3"
    assert made in text


def test_more_workers_than_lines_are_counted_and_the_best_stays_in_sight() -> None:
    (worker, *_) = document()["workers"]
    fleet = [{**worker, "id": f"node-{number}-ab"} for number in range(500)]
    lines = lines_of(LiveView(document(workers=fleet)), columns=80, lines=24)
    assert len(lines) < 24
    shown = sum(line.startswith("node-") for line in lines)
    assert shown > 10
    assert f"and {500 - shown} more workers" in "\n".join(lines)
    assert any(line.startswith("best:") for line in lines)


def test_failed_trials_are_named_with_the_latest_reason_first() -> None:
    first, second = failure_lines(BUSY)
    assert first.startswith("trials 9, 4 failed 60 s ago: out of memory out of memory")
    assert second == "trial 3 failed 28 min ago: a bell and [2J a new line"
    many = {"reason": "no", "trials": list(range(20, 0, -1)), "latest_at": 0.0}
    assert failure_lines({"failures": [many]}) == [
        "trials 20, 19, 18, 17, 16 and 15 more failed: no"
    ]


def test_a_long_reason_takes_two_lines_and_says_that_there_is_more() -> None:
    lines = lines_of(LiveView(BUSY), columns=48)
    at = next(i for i, line in enumerate(lines) if line.startswith("trials 9, 4 failed"))
    assert lines[at + 1].endswith("…")
    assert lines[at + 2].startswith("trial 3 failed")


def test_without_a_price_nothing_is_said_about_cost() -> None:
    assert cost_phrases(document()) == []
    assert "cost" not in text_of(summary(document()))
    priced = document(budget={"trials": 4, "money": None, "money_used": 0.5})
    assert cost_phrases(priced) == ["cost: 0.50"]


def test_in_a_pipe_nothing_controls_a_terminal_whatever_the_environment_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    with LiveProgress(side_terminal()) as progress:
        progress.say("a note")
        progress.show(Status(BUSY))
    written = capsys.readouterr().err
    assert all(character.isprintable() or character == "\n" for character in written)
    note, line, *failures = written.splitlines()
    assert note == "a note"
    assert "cost: 3.20 of 10.00, about 1.10 to come" in line
    assert [failure.partition(":")[0] for failure in failures] == [
        "trials 9, 4 failed",
        "trial 3 failed",
    ]


def test_in_a_pipe_a_failure_is_told_once_and_again_when_there_are_more_of_it() -> None:
    out = io.StringIO()
    failure = {"reason": "no", "trials": [3], "latest_at": 5.0}
    again = {**failure, "trials": [4, 3]}
    with LiveProgress(Console(file=out, width=300)) as progress:
        for read_at, failures in ((6.0, [failure]), (7.0, [failure]), (8.0, [again])):
            progress.show(Status(document(failures=failures, read_at=read_at)))
    told = [line for line in out.getvalue().splitlines() if ": no" in line]
    assert told == ["trial 3 failed: no", "trials 4, 3 failed: no"]


def test_in_a_pipe_a_line_is_never_broken_nor_said_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.live_progress.PLAIN_INTERVAL_S", 0.0)
    out = io.StringIO()
    with LiveProgress(Console(file=out, width=20)) as progress:
        for left_s in (840.0, 840.0, 780.0):
            progress.show(Status(document(seconds_left=left_s)))
    first, second = out.getvalue().splitlines()
    assert "14 min left | best: trial 7" in first
    assert "13 min left | best: trial 7" in second


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    out = io.StringIO()
    with LiveProgress(Console(file=out, width=120, force_terminal=True)) as progress:
        progress.show(Status(document()))
    assert "\x1b" not in out.getvalue()
    assert "12 of 40 trials done" in out.getvalue()


def test_a_sweep_that_has_ended_is_shown_as_such_and_one_that_waits_for_workers_is_not() -> None:
    for state, said in (("done", ", done"), ("stopping", ", stopping"), ("interrupted", "left")):
        (first, *_) = lines_of(LiveView(document(state=state)), columns=120)
        assert first.rstrip().endswith(said)
    out = io.StringIO()
    with LiveProgress(Console(file=out, width=300)) as progress:
        for state in ("interrupted", "running", "interrupted", "running", "done"):
            progress.show(Status(document(state=state)))
    assert [", done | best" in line for line in out.getvalue().splitlines()] == [False, True]


def test_of_many_workers_that_wait_three_say_so_and_the_others_are_counted() -> None:
    fleet = [{**WAITING[0], "id": f"node-{number}-ab"} for number in range(50)]
    text = " ".join(lines_of(LiveView(document(workers=fleet)), columns=200, lines=24))
    assert text.count(f"is waiting: {FULL}") == 3
    assert "and 47 more are waiting" in text
    assert "best: trial 7" in text
