"""The files that an audit leaves: a page with pictures, and rows that can be read back."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from objectives.audit import audit, load_excluded_rows, write_report
from objectives.data import ImageSource, load_source
from spaces.errors import InputError
from tests.objectives.data.written_data import noisy_images, write_class_folders


class Page(HTMLParser):
    """Collects pictures and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.pictures: list[dict[str, str | None]] = []
        self.links: list[str | None] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.pictures.append(dict(attrs))
        if tag == "a":
            self.links.append(dict(attrs)["href"])


@pytest.fixture
def source(tmp_path: Path) -> ImageSource:
    images = noisy_images(24, px=32)
    images[13] = images[0]
    images[5] = images[4]
    write_class_folders(tmp_path / "set", images, ["<cats>"] * 12 + ["dogs"] * 12)
    (tmp_path / "set" / "dogs" / "0020.png").write_bytes(b"damaged")
    return load_source(tmp_path / "set")


def test_the_page_is_self_contained_and_shows_each_cluster(
    source: ImageSource, tmp_path: Path
) -> None:
    path = write_report(audit(source), source, tmp_path / "audit")
    text = path.read_text()
    page = Page(text)
    assert path == tmp_path / "audit" / "report.html"
    assert len(page.pictures) == 4
    assert all(
        str(picture["src"]).startswith("data:image/png;base64,") for picture in page.pictures
    )
    assert all(picture["alt"] for picture in page.pictures)
    assert page.links == ["exclude.txt"]
    assert not re.search(r"https?://", text)
    assert "<cats>" not in text
    assert "&lt;cats&gt;" in text
    assert "0020.png" in text
    assert "24 images, of which 4 are better left out" in text


def test_excluded_rows_are_read_back_as_they_were_written(
    source: ImageSource, tmp_path: Path
) -> None:
    report = audit(source)
    write_report(report, source, tmp_path / "audit")
    rows = load_excluded_rows(tmp_path / "audit" / "exclude.txt", len(source))
    assert rows.tolist() == report.exclude == [0, 5, 13, 20]
    assert sorted(path.name for path in (tmp_path / "audit").iterdir()) == [
        "exclude.txt",
        "report.html",
    ]


def test_the_json_document_is_plain_and_complete(source: ImageSource) -> None:
    document = json.loads(json.dumps(audit(source).to_json()))
    assert document["images"] == 24
    assert document["exclude"] == [0, 5, 13, 20]
    assert set(document["reasons"]) == {"0", "5", "13", "20"}
    assert document["counts"] == {"label conflict": 2, "duplicate": 1, "unreadable": 1}
    assert document["classes"]["dogs"] == {"images": 12, "kept": 10}


def test_a_list_of_rows_may_have_comments_blanks_and_repetitions(tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_text("# junk\n7\n\n3  # a hand\n7\n")
    np.testing.assert_array_equal(load_excluded_rows(path, 8), [3, 7])
    path.write_text("")
    assert load_excluded_rows(path, 8).shape == (0,)


@pytest.mark.parametrize("line", ["8", "-1", "seven", "1.5", "1 2"])
def test_a_line_that_is_no_row_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "rows.txt"
    path.write_text(f"1\n{line}\n")
    with pytest.raises(InputError, match=rf"rows\.txt:2: '{line}' is no row .* 0 to 7"):
        load_excluded_rows(path, 8)


def test_a_list_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_excluded_rows(tmp_path / "nowhere.txt", 8)
    (tmp_path / "rows.npy").write_bytes(b"\x93NUMPY\xff\xfe")
    with pytest.raises(InputError, match="cannot be read"):
        load_excluded_rows(tmp_path / "rows.npy", 8)
