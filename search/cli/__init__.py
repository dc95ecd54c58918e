"""The command line, ``foldsweep COMMAND``: one file a command, imported when it is typed."""

from search.cli.app import main

__all__ = ["main"]
