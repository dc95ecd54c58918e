"""Which storage URLs are taken, and that every other text is an error of the input."""

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from search.storage_url import parse_storage_url
from spaces.errors import InputError


@pytest.mark.parametrize(
    ("url", "host", "port", "database"),
    [
        ("postgresql://ann:s3cret@db.example:5432/sweeps", "db.example", 5432, "sweeps"),
        ("postgres://ann@db/sweeps", "db", None, "sweeps"),
        ("postgresql+psycopg2://db/sweeps?sslmode=require", "db", None, "sweeps"),
        ("postgresql://ann@[fe80::1]:1/sweeps", "fe80::1", 1, "sweeps"),
        ("postgresql:///sweeps?host=/run/postgresql", None, None, "sweeps"),
        ("postgresql:///sweeps?host=db1:5432&host=db2:5432", None, None, "sweeps"),
        ("postgresql://jörg:s%40cret@db/Zählung", "db", None, "Zählung"),
    ],
)
def test_a_postgresql_url_is_taken_with_the_driver_that_is_installed(
    url: str, host: str | None, port: int | None, database: str
) -> None:
    parsed = parse_storage_url(url)
    assert parsed.drivername == "postgresql+psycopg"
    assert (parsed.host, parsed.port, parsed.database) == (host, port, database)


@pytest.mark.parametrize("name", ["foldsweep.db", "a b.db", "50%.db", "what?.db", "größe#1.db"])
def test_a_sqlite_url_names_an_absolute_path(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_storage_url(f"sqlite:///{quote(name)}").database == str(tmp_path / name)
    absolute = parse_storage_url(f"sqlite:///{quote(str(tmp_path))}/{quote(name)}")
    assert absolute.database == str(tmp_path / name)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "no database URL"),
        ("nonsense", "no database URL"),
        ("postgresql://ann:secret77@db:port/x", "no database URL"),
        ("postgresql://ann:secret77@db:/x", "no database URL"),
        ("postgresql://ann:secret77@[::1/x", "no database URL"),
        ("postgresql://ann:secret77@db:99999/x", "port"),
        ("postgresql://ann:secret77@db:0/x", "port"),
        ("postgresql://ann:secret77@db /x", "host"),
        ("postgresql://ann:secret77@größe/x", "host"),
        ("postgresql://ann:sec@ret77@db/x", "more than one '@'"),
        ("postgresql://ann:secret77@db", "names no database"),
        ("postgresql://ann:secret77@db/", "names no database"),
        ("postgresql://ann:secret77@db/%20", "names no database"),
        ("postgresql://ann:secret77@db/x?sslmod=require", "invalid connection option"),
        ("postgresql://ann:secret77@db/x?port=many", "options"),
        ("postgresql://ann:secret77@db/x?sslmode=a&sslmode=b", "'sslmode' stands twice"),
        ("postgresql://ann:secret77@db/x\n", "control characters"),
        ("postgresql://ann:secret77%00@db/x", "control characters"),
        ("postgresql://ann:secret77%ff@db/x", "no text in UTF-8"),
        ("postgresql://ann:secret77@db/x\udcff", "no text in UTF-8"),
        ("mysql://ann:secret77@db/x", "not supported"),
        ("://ann:secret77@db/x", "no database URL"),
        ("sqlite://", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite://folder/foldsweep.db", "no host"),
        ("sqlite:///foldsweep.db?mode=ro", "no options"),
        ("sqlite:////what?/foldsweep.db", "no options"),
        ("sqlite:///~nobody-of-that-name/foldsweep.db", "home directory"),
    ],
)
def test_a_url_that_names_no_database_is_refused_without_its_password(
    url: str, problem: str
) -> None:
    with pytest.raises(InputError) as caught:
        parse_storage_url(url)
    message = str(caught.value)
    assert message.startswith("FOLDSWEEP_STORAGE_URL = ")
    assert problem in message
    assert "ret77" not in message
    assert "\n" not in message


def outcome(url: str) -> str:
    """Give the URL that was understood, or what was said about it."""
    try:
        return parse_storage_url(url).render_as_string()
    except InputError as error:
        return str(error)


SCHEMES = st.sampled_from(["sqlite", "postgresql", "postgres+psycopg", "mysql"])
PIECES = st.lists(st.sampled_from([*"@:/?#[]%&=;\\ \t\n'\"", "%00", "é", "::1", "a", "7"]))


@given(st.text())
@example("sqlite:///\x00")
def test_no_text_is_anything_but_a_url_or_an_error_of_the_input(text: str) -> None:
    assert outcome(text)


@given(SCHEMES, PIECES)
def test_no_punctuation_is_anything_but_a_url_or_an_error_of_the_input(
    scheme: str, pieces: list[str]
) -> None:
    said = outcome(f"{scheme}://{''.join(pieces)}")
    assert "\n" not in said


@given(SCHEMES, st.text(min_size=6), PIECES)
@example("postgresql", "sec ret77", ["@", "a", ":", "é", "/"])
@example("postgresql", "sec\\ret77", ["@", "a", ":", "é", "/"])
def test_no_password_comes_back(scheme: str, secret: str, rest: list[str]) -> None:
    # One that holds no punctuation of URLs, in which nobody could tell where it ends.
    password = f"hush{quote(secret, safe=' ')}hush"
    assert password not in outcome(f"{scheme}://ann:{password}@db{''.join(rest)}")


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1))
def test_every_password_that_is_quoted_is_understood(password: str) -> None:
    parsed = parse_storage_url(f"postgresql://ann:{quote(password, safe='')}@db/sweeps")
    assert parsed.password == password
