"""Progress lines, apart from the document on standard output."""

import sys


def say(text: str) -> None:
    """Report progress on standard error."""
    print(text, file=sys.stderr, flush=True)
