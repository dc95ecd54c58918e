"""A click group that lists its commands without importing them."""

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """Commands that live in ``package.NAME`` as ``command`` and are imported when asked for.

    Args:
        package: The package of the command modules.
        summaries: Name and one-line help of each command, in the order of the help page.
        settings: What :class:`click.Group` takes.
    """

    def __init__(self, *, package: str, summaries: Mapping[str, str], **settings: Any) -> None:
        super().__init__(**settings)
        self._package = package
        self._summaries = summaries

    def list_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 (click's signature)
    ) -> list[str]:
        """Name the commands in the order of the help page."""
        return list(self._summaries)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 (click's signature)
        cmd_name: str,
    ) -> click.Command | None:
        """Import the module of a command; None if there is no such command."""
        if cmd_name not in self._summaries:
            return None
        found = import_module(f"{self._package}.{cmd_name}").command
        if not isinstance(found, click.Command):
            raise TypeError(f"{self._package}.{cmd_name}.command is not a click command")
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of a command line, or refuse it with the nearest names."""
        name = args[0]
        if name in self._summaries or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        near = get_close_matches(name, self._summaries, n=3, cutoff=0.5)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise click.UsageError(
            f"unknown command {name!r}; known: {', '.join(self._summaries)}.{hint}", ctx
        )

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 (click's signature)
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the list of commands into the help page."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._summaries.items()))
