"""The page of a sweep, read as a browser reads it."""

import base64
import gzip
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plotly.offline import get_plotlyjs

from search.pages.sweep_facts import SweepFacts, read_facts
from search.pages.sweep_note import sweep_note
from search.pages.sweep_page import FEWEST_TO_DRAW, sweep_page
from search.progress import worker_name
from tests.search.known_sweep import KnownSweep
from tests.search.pages.conftest import SCORES

pytestmark = pytest.mark.slow

MEANS = [sum(pair) / 2 for pair in SCORES]


class Page(HTMLParser):
    """Tables by id, as rows of cells; scripts and headings in their order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.headings: list[str] = []
        self.addresses: list[str] = []
        self._rows: list[list[str]] = []
        self._tag = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        found = dict(attrs)
        self.addresses += [found[name] or "" for name in ("src", "href") if name in found]
        if tag == "table":
            self._rows = self.tables.setdefault(found.get("id") or "", [])
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")
        elif tag == "script":
            self.scripts.append((found, ""))
        elif tag == "h2":
            self.headings.append("")

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""

    def handle_data(self, data: str) -> None:
        if self._tag in ("td", "th"):
            self._rows[-1][-1] += data
        elif self._tag == "script":
            attributes, before = self.scripts[-1]
            self.scripts[-1] = attributes, before + data
        elif self._tag == "h2":
            self.headings[-1] += data


def facts_of(known: KnownSweep) -> SweepFacts:
    facts = read_facts(known.stored)
    assert facts is not None
    return facts


@pytest.fixture(scope="module")
def page(standing: KnownSweep) -> Page:
    return Page(sweep_page(facts_of(standing)))


def figures(page: Page) -> dict[str, Any]:
    """Give the figures by the heading above them."""
    drawn = [
        json.loads(text) for found, text in page.scripts if found.get("type") == "application/json"
    ]
    # The leaderboard stands before all charts.
    return dict(zip(page.headings[1:], drawn, strict=False))


def test_the_leaderboard_has_the_trials_that_are_done_the_best_first(page: Page) -> None:
    _, *rows = page.tables["leaderboard"]
    order = sorted(range(len(SCORES)), key=lambda trial: -MEANS[trial])
    assert [int(row[0]) for row in rows] == order
    assert [float(row[1]) for row in rows] == [round(MEANS[trial], 4) for trial in order]
    assert [(float(row[3]), float(row[4])) for row in rows] == [SCORES[trial] for trial in order]


def test_the_best_over_time_is_the_running_maximum_of_what_was_found(page: Page) -> None:
    found = figures(page)["Best over time"]["data"]
    points, best = found[0], found[-1]
    assert (points["name"], best["name"]) == ("head", "best so far")
    assert values(points["y"]) == pytest.approx(MEANS)
    assert values(best["y"]) == pytest.approx(np.maximum.accumulate(MEANS))


def test_the_front_has_the_trials_that_none_beats_in_both(page: Page) -> None:
    found = figures(page)["Clean against shifted"]["data"]
    drawn = {
        pair
        for trace in found
        if trace["name"] == "Pareto front"
        for pair in zip(values(trace["x"]), values(trace["y"]), strict=True)
    }
    assert drawn == {
        (clean, shifted)
        for clean, shifted in SCORES
        if not any(other[0] >= clean and other[1] >= shifted for other in others(clean, shifted))
    }


def others(clean: float, shifted: float) -> list[tuple[float, float]]:
    return [pair for pair in SCORES if pair != (clean, shifted)]


def values(numbers: Any) -> list[float]:
    """Unpack numbers as Plotly writes them: a list, or the bytes of an array."""
    if isinstance(numbers, dict):
        return [*np.frombuffer(base64.b64decode(numbers["bdata"]), numbers["dtype"]).tolist()]
    return [float(number) for number in numbers]


def test_every_part_of_a_sweep_has_its_place(page: Page) -> None:
    expected = [
        "Leaderboard",
        "Best over time",
        "Which parameters matter",
        "What each parameter did",
        "Clean against shifted",
        "Workers",
        "What was shared",
        "What it cost",
        "Stopped or failed",
        "Junk",
    ]
    assert page.headings == expected
    # Two made, five reused and one in passing, by each of seven.
    assert page.tables["shared"][2] == ["features", "14", "35", "7"]
    assert page.tables["junk"][1:] == [["duplicate", "3"], ["tiny", "1"]]
    assert ["1", "failed", "out of </script> memory"] in page.tables["reasons"]
    assert ["trials", "7", "8"] in page.tables["cost"]
    assert ["stage head, all trials", "14 s", ""] in page.tables["cost"]


def test_who_worked_when_is_drawn_a_row_each_worker(page: Page, standing: KnownSweep) -> None:
    found = figures(page)["Workers"]["data"]
    rows = {row for trace in found for row in trace["y"]}
    assert rows == {worker_name({"id": row.id}) for row in standing.stored.workers.all()}
    assert {trace["name"].split(",")[0] for trace in found} >= {"done", "failed", "pruned"}


def test_the_page_stands_alone_and_has_plotly_once(page: Page, standing: KnownSweep) -> None:
    assert page.addresses == []
    (packed,) = [text for found, text in page.scripts if found.get("id") == "plotly"]
    assert gzip.decompress(base64.b64decode(packed)).decode() == get_plotlyjs()
    text = sweep_page(facts_of(standing))
    assert len(text) < 3_000_000
    # What a trial says cannot end a script, nor begin one.
    assert text.count("<script") == text.count("</script>") == len(page.scripts)
    assert "out of </script>" not in text


def test_a_sweep_of_few_trials_has_a_page_without_charts(home: Path) -> None:
    known = KnownSweep()
    found = Page(sweep_page(facts_of(known)))
    assert not figures(found)
    assert "leaderboard" not in found.tables
    for _ in range(3):
        known.finish(known.claim())
    facts = facts_of(known)
    assert len(facts.ranked) < FEWEST_TO_DRAW
    assert len(Page(sweep_page(facts)).tables["leaderboard"]) == 4


def test_the_description_says_the_same_in_short(standing: KnownSweep) -> None:
    lines = sweep_note(facts_of(standing)).splitlines()
    assert lines[0].startswith("**tiny: 7 of 8 trials done (1 pruned, 1 failed)")
    leaders = [int(line.split(" | ")[0].strip("| ")) for line in lines if re.match(r"\| \d", line)]
    assert leaders[:2] == [2, 1]
    assert "| features | 14 | 35 | 7 |" in lines
    # MLflow cuts a tag at 8,000 characters.
    assert len("\n".join(lines)) < 8000


def test_a_sweep_that_was_deleted_has_no_facts(searched: KnownSweep) -> None:
    searched.stored.storage.sweeps.delete(searched.stored.row.id)
    assert read_facts(searched.stored) is None
