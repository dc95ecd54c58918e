from rich.console import Console

from search.fitting import Column, FittingTable, flowed, one_line, shortened


def test_phrases_are_put_on_as_few_lines_as_hold_them() -> None:
    phrases = ["cells: 12 of 40 trials done", "(3 pruned, 1 failed),", "2 running,", "14 min left"]
    assert flowed(phrases, 40) == [
        "cells: 12 of 40 trials done",
        "(3 pruned, 1 failed), 2 running,",
        "14 min left",
    ]
    assert flowed(phrases, 200) == [" ".join(phrases)]
    assert flowed([], 40) == []


def test_only_a_phrase_that_is_wider_than_a_line_is_broken_and_then_between_words() -> None:
    assert flowed(["one two three four"], 9) == ["one two", "three", "four"]
    assert flowed(["a" * 25], 10) == ["a" * 10, "a" * 10, "a" * 5]


def test_wide_characters_count_as_two() -> None:
    assert flowed(["細胞", "細胞"], 8) == ["細胞", "細胞"]
    assert flowed(["細胞", "細胞"], 9) == ["細胞 細胞"]


def test_what_is_shortened_ends_in_dots_and_what_fits_does_not() -> None:
    assert shortened("one two three", 7, lines=2) == ["one two", "three"]
    assert shortened("one two three four", 7, lines=2) == ["one two", "three …"]
    assert shortened("x" * 30, 10, lines=2) == ["x" * 10, "x" * 9 + "…"]
    assert shortened("", 10, lines=2) == []


def test_one_line_has_no_character_that_controls_a_terminal() -> None:
    assert one_line("a\tb\r\nc\x1b[31md\x07\u2028e") == "a b c [31md e"
    assert one_line("Zelle µ 細胞") == "Zelle µ 細胞"


def rows_of(table: FittingTable, columns: int) -> list[list[str]]:
    console = Console(width=columns, color_system=None)
    with console.capture() as text:
        console.print(table)
    assert all(len(line.rstrip()) <= columns for line in text.get().splitlines())
    return [line.split() for line in text.get().splitlines()]


TABLE = FittingTable(
    [
        Column("worker", ["a-long-name-17", "b"], least=8),
        Column("trial", ["3", "12"], "right"),
        Column("score", ["0.5000", "-"], dropped=1),
        Column("folds", ["0.25 0.75", ""], dropped=2),
    ]
)


def test_columns_go_in_their_order_where_there_is_no_room() -> None:
    assert rows_of(TABLE, 80)[0] == ["worker", "trial", "score", "folds"]
    assert rows_of(TABLE, 30)[0] == ["worker", "trial", "score"]
    assert rows_of(TABLE, 15)[0] == ["worker", "trial"]


def test_a_text_that_may_be_cut_keeps_its_end() -> None:
    assert rows_of(TABLE, 30)[1] == ["a-long-name-17", "3", "0.5000"]
    assert rows_of(TABLE, 21)[1] == ["…name-17", "3", "0.5000"]


def test_a_table_without_rows_has_its_headings() -> None:
    assert rows_of(FittingTable([Column("rank", []), Column("trial", [])]), 40) == [
        ["rank", "trial"]
    ]
