"""The history of aliases: no move is lost, and what nobody entered shows."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from mlruns_config.names import TAG_MOVE
from mlruns_config.registry.alias_moves import (
    AliasMove,
    MoveKind,
    MoveReason,
    complete,
    line_of,
    move_noting,
)
from mlruns_config.registry.alias_page import MARK, alias_page, write_alias_page
from mlruns_config.registry.listing import ListedModel, read_model, read_models
from mlruns_config.registry.registry import MAX_DESCRIPTION, registry
from mlruns_config.settings import TrackingSettings, tracking_user
from spaces.errors import InputError

WHY = MoveReason("promotion", "accuracy 0.9 | [0.85, 0.95]", {"gate": {"score": 0.9}}, "run")


def _moved(
    number: int,
    before: int | None,
    after: int | None,
    kind: MoveKind = "promotion",
    alias: str = "champion",
    *,
    done: bool = True,
) -> AliasMove:
    return AliasMove(
        number, alias, before, after, kind, "why", "2026-11-30T12:00:00", "ann", "box",
        carried_out=done,
    )  # fmt: skip


def _told(moves: list[AliasMove]) -> list[tuple[str, int | None, int | None, bool]]:
    return [(move.kind, move.before, move.after, move.carried_out) for move in moves]


def test_moves_that_nobody_entered_show_as_such() -> None:
    entries = [_moved(1, None, 1), _moved(2, 4, 2)]
    assert _told(complete(entries, {"champion": 3, "other": 1})) == [
        ("promotion", None, 1, True),
        ("outside", 1, 4, True),
        ("promotion", 4, 2, True),
        ("outside", 2, 3, True),
        ("outside", None, 1, True),
    ]
    assert complete(entries, {})[-1].after is None


def test_what_came_of_an_entry_is_told_by_what_is_found_later() -> None:
    killed = [_moved(1, None, 1), _moved(2, 1, 2, done=False)]
    assert _told(complete(killed, {"champion": 1}))[-1] == ("promotion", 1, 2, False)
    assert _told(complete(killed, {"champion": 2}))[-1] == ("promotion", 1, 2, True)
    followed = [*killed, _moved(3, 2, 3)]
    assert [move.carried_out for move in complete(followed, {"champion": 3})] == [True] * 3
    undone = [*killed, _moved(3, 1, 3)]
    assert [move.carried_out for move in complete(undone, {"champion": 3})] == [True, False, True]


def test_going_back_twice_goes_back_two_versions() -> None:
    moves = [_moved(1, None, 1), _moved(2, 1, 2, "forced promotion"), _moved(3, 2, 3)]
    assert line_of(moves, "champion") == [1, 2, 3]
    moves.append(_moved(4, 3, 2, "rollback"))
    assert line_of(moves, "champion") == [1, 2]
    moves.append(_moved(5, 2, 1, "rollback"))
    assert line_of(moves, "champion") == [1]
    moves.append(_moved(6, 1, 4))
    assert line_of(moves, "champion") == [1, 4]
    assert line_of([*moves, _moved(7, 4, 5, done=False)], "champion") == [1, 4]
    assert line_of(moves, "challenger") == []


def test_a_line_begins_where_the_first_entry_found_the_alias() -> None:
    assert line_of([_moved(1, 7, 8)], "champion") == [7, 8]


def test_moves_of_several_aliases_keep_the_order_of_their_entries() -> None:
    entries = [
        _moved(1, None, 1),
        _moved(2, None, 2, "challenger", "challenger"),
        _moved(3, 1, 3),
    ]
    found = complete(entries, {"champion": 3, "challenger": 2})
    assert found == entries


def test_a_page_shows_what_there_is_room_for_and_breaks_no_table() -> None:
    moves = [replace(_moved(n, n - 1 or None, n), reason="a|b\nc " * 50) for n in range(1, 90)]
    page = alias_page("cells", moves, MAX_DESCRIPTION)
    assert len(page) <= MAX_DESCRIPTION
    assert "All 89 moves" in page
    rows = [line for line in page.splitlines() if line.startswith("| 2026")]
    assert 5 < len(rows) <= 30
    assert rows[0].split(" | ")[3] == "89"
    assert all(row.replace("\\|", "").count("|") == 8 for row in rows)
    assert alias_page("cells", moves, 10) == ""


@pytest.fixture
def tracking(
    tmp_path: Path, sqlite: TrackingSettings, monkeypatch: pytest.MonkeyPatch
) -> TrackingSettings:
    # Threads set and restore MLflow's process-wide address: it is to be the same before and after.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", sqlite.uri)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", sqlite.uri)
    return sqlite


def _model(tracking: TrackingSettings, name: str, folder: Path, n_versions: int) -> ListedModel:
    with registry(tracking) as client:
        client.create_registered_model(name)
        for _ in range(n_versions):
            client.create_model_version(name, str(folder))
    return read_model(tracking, name)


def test_a_move_is_entered_with_who_when_why_and_by_what(
    tracking: TrackingSettings, tmp_path: Path
) -> None:
    model = _model(tracking, "entered", tmp_path, 2)
    move_noting(tracking, model.version("1"), "champion", None, WHY)
    move_noting(tracking, model.version("2"), "champion", 1, MoveReason("rollback", "too bad"))
    found = read_model(tracking, "entered")
    assert found.aliases == {"champion": 2}
    first, second = found.moves
    assert (first.number, first.kind, first.who, first.reason) == (
        1, "promotion", tracking_user(), WHY.text,
    )  # fmt: skip
    assert first.at is not None
    assert first.at.endswith("+00:00")
    assert (first.figures, first.run_id, first.carried_out) == (WHY.figures, "run", True)
    assert (second.number, second.before, second.after, second.kind) == (2, 1, 2, "rollback")
    assert second.reason == "too bad"


def test_moves_at_once_lose_no_entry(tracking: TrackingSettings, tmp_path: Path) -> None:
    model = _model(tracking, "hurried", tmp_path, 1)
    version = model.version("1")
    reasons = [f"reason {number}" for number in range(12)]

    def move(reason: str) -> None:
        move_noting(tracking, version, "champion", 1, MoveReason("rollback", reason))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(move, reasons))
    entered = [move.reason for move in read_model(tracking, "hurried").moves]
    assert sorted(reason for reason in entered if reason in reasons) == sorted(reasons)


def test_an_entry_outlives_the_version_that_it_is_about(
    tracking: TrackingSettings, tmp_path: Path
) -> None:
    model = _model(tracking, "outlived", tmp_path, 1)
    move_noting(tracking, model.version("1"), "champion", None, WHY)
    with registry(tracking) as client:
        client.delete_model_version("outlived", "1")
    found = read_model(tracking, "outlived")
    assert found.versions == ()
    assert [(move.kind, move.after) for move in found.moves] == [
        ("promotion", 1),
        ("outside", None),
    ]


def test_an_entry_that_somebody_changed_is_shown_and_stops_nothing(
    tracking: TrackingSettings, tmp_path: Path
) -> None:
    model = _model(tracking, "changed", tmp_path, 1)
    with registry(tracking) as client:
        client.set_registered_model_tag("changed", f"{TAG_MOVE}.00003.abc", '{"number": "many"}')
    done = move_noting(tracking, model.version("1"), "champion", None, WHY)
    assert done.number == 4
    damaged, entered = read_model(tracking, "changed").moves
    assert (damaged.kind, damaged.number) == ("damaged", 3)
    assert f"{TAG_MOVE}.00003.abc" in damaged.reason
    assert entered == done


def test_a_reserved_alias_is_refused_before_anything_is_entered(
    tracking: TrackingSettings, tmp_path: Path
) -> None:
    model = _model(tracking, "reserved", tmp_path, 1)
    with pytest.raises(InputError, match="reserved"):
        move_noting(tracking, model.version("1"), "latest", None, WHY)
    assert read_model(tracking, "reserved").moves == ()


def test_the_description_of_a_model_says_who_moved_what_and_keeps_what_people_wrote(
    tracking: TrackingSettings, tmp_path: Path
) -> None:
    model = _model(tracking, "described", tmp_path, 1)
    with registry(tracking) as client:
        client.update_registered_model("described", "Our cells.")
    move_noting(tracking, model.version("1"), "champion", None, WHY)
    for _ in range(2):
        write_alias_page(tracking, "described")
    with registry(tracking) as client:
        text = client.get_registered_model("described").description
    assert text.startswith(f"Our cells.\n\n{MARK}\n\n### Aliases")
    assert text.count(MARK) == text.count("### Aliases") == 1
    assert "| champion | 1 | " in text
    assert "accuracy 0.9 \\| \\[0.85, 0.95\\]" in text


def test_models_and_versions_are_found_by_name_number_and_alias(
    tracking: TrackingSettings, tmp_path: Path
) -> None:
    name = "it's named"
    model = _model(tracking, name, tmp_path, 3)
    assert [version.number for version in model.versions] == [3, 2, 1]
    assert all(version.created_ms > 0 for version in model.versions)
    move_noting(tracking, model.version("2"), "champion", None, WHY)
    found = read_model(tracking, name)
    assert found.version("champion") == found.version("2")
    assert found.aliases_of(found.version("2")) == ["champion"]
    assert name in [each.name for each in read_models(tracking)]
    with pytest.raises(InputError, match=r"no version '9'; known: 3, 2, 1, champion"):
        found.version("9")
    with pytest.raises(InputError, match=r"unknown registered model 'its named'.*it's named"):
        read_model(tracking, "its named")


def test_an_entry_is_plain_json(tracking: TrackingSettings, tmp_path: Path) -> None:
    model = _model(tracking, "plain", tmp_path, 1)
    reason = MoveReason("rollback", 'größer\nals "vorher"')
    move = move_noting(tracking, model.version("1"), "champion", None, reason)
    with registry(tracking) as client:
        tags = client.get_registered_model("plain").tags
    (text,) = [value for key, value in tags.items() if key.startswith(TAG_MOVE)]
    assert json.loads(text) == move.to_json()
