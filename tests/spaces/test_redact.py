import pytest

from spaces.redact import redact


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:secret@db/sweeps", "postgresql://ann:***@db/sweeps"),
        ("postgresql+psycopg://ann:p@ss@db:5432/x", "postgresql+psycopg://ann:***@db:5432/x"),
        ("postgresql://ann:p:a:ss@db/x", "postgresql://ann:***@db/x"),
        ("postgresql://ann:pa/ss?w#d@db/x", "postgresql://ann:***@db/x"),
        ("postgresql://ann:p%40ss%2Fw@db/x", "postgresql://ann:***@db/x"),
        (
            "postgresql://ann@firm.org:p'w\"d@[::1]:5432/x",
            "postgresql://ann@firm.org:***@[::1]:5432/x",
        ),
        ("redis://:secret@cache", "redis://:***@cache"),
        ("https://ghp_token@git.example/x", "https://***@git.example/x"),
        ("POSTGRESQL://ann:secret@db/x", "POSTGRESQL://ann:***@db/x"),
        (
            "postgresql://db/x?user=ann&password=s3cret&a=b",
            "postgresql://db/x?user=ann&password=***&a=b",
        ),
        (
            "host=db user=ann password='it is \\' secret' dbname=x",
            "host=db user=ann password=*** dbname=x",
        ),
    ],
)
def test_the_password_goes_and_the_rest_stays(url: str, shown: str) -> None:
    assert redact(url) == shown


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:5000/#/experiments/1",
        "sqlite:////home/ann/foldsweep-home/mlflow.db",
        "models:/blood-cells@champion",
        "postgresql://ann@db/x",
        "write to ann@firm.org: the token ran out",
        "http://[::1]:5000",
    ],
)
def test_text_without_a_password_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_every_url_of_a_traceback_is_hidden() -> None:
    text = (
        "Traceback (most recent call last):\n"
        '  connect("postgresql://ann:first@secret@db/x")\n'
        "sqlalchemy.exc.OperationalError: cannot reach http://bob:se/cond@host:5000/api\n"
        "(Background on this error at: https://sqlalche.me/e/20/e3q8)\n"
    )
    hidden = redact(text)
    assert "first" not in hidden
    assert "se/cond" not in hidden
    assert hidden.count("\n") == text.count("\n")
    assert "https://sqlalche.me/e/20/e3q8" in hidden
    assert "@db/x" in hidden


def test_a_known_password_is_hidden_where_it_stands_alone_and_in_any_encoding() -> None:
    url = "postgresql://ann:p%40ss%20w%2Frd@db/x"
    text = "password 'p@ss w/rd' failed (p%40ss%20w%2Frd, p%40ss+w%2Frd) for ann at db"
    assert redact(text, url) == "password '***' failed (***, ***) for ann at db"


def test_a_known_url_without_a_password_hides_nothing() -> None:
    assert redact("no route to host db", "postgresql://db/x") == "no route to host db"
