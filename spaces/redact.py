"""Take passwords out of text before anybody reads it."""

import re
from urllib.parse import quote, quote_plus, unquote, unquote_plus

HIDDEN = "***"
# A password may itself hold '@', ':' or '/', so it ends at the last '@' before a blank: hiding too
# much of a rare URL is better than showing the end of a password.
_USER_AND_PASSWORD = re.compile(r"([a-z][a-z0-9+.\-]*://[^\s:/]*):\S*@", re.IGNORECASE)
_TOKEN_AS_USER = re.compile(r"(https?://)[^\s:/@]+@", re.IGNORECASE)
_KEYWORD = re.compile(
    r"(\b(?:ssl)?(?:password|passwd|pwd|token|secret|api_?key)\s*=\s*)"
    r"('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s&'\",;)]+)",
    re.IGNORECASE,
)
# Shorter ones occur by chance in ordinary words.
_SHORTEST_BARE_SECRET = 4


def redact(text: str, *known_urls: str) -> str:
    """Hide the passwords of all URLs and ``password=...`` pairs in a text.

    Args:
        text: A URL, a message or a whole traceback, over any number of lines.
        known_urls: URLs whose passwords are hidden wherever they stand in the text, without their
            URL and in any percent-encoding too.

    Returns:
        The text with ``***`` in place of each password.
    """
    for secret in sorted({s for url in known_urls for s in _secrets(url)}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = _USER_AND_PASSWORD.sub(rf"\1:{HIDDEN}@", text)
    text = _TOKEN_AS_USER.sub(rf"\1{HIDDEN}@", text)
    return _KEYWORD.sub(rf"\1{HIDDEN}", text)


def _secrets(url: str) -> set[str]:
    """List the password of a URL as it stands, decoded and encoded."""
    rest = url.partition("://")[2]
    userinfo, at, _ = rest.rpartition("@")
    password = userinfo.partition(":")[2] if at else ""
    found = {password} | {value for _, value in _KEYWORD.findall(url)}
    spellings = (str, unquote, unquote_plus, _quoted, _quoted_plus, repr)
    written = {spell(secret) for secret in found for spell in spellings}
    return {secret for secret in written if len(secret) >= _SHORTEST_BARE_SECRET}


def _quoted(secret: str) -> str:
    return quote(unquote(secret), safe="")


def _quoted_plus(secret: str) -> str:
    return quote_plus(unquote(secret))
