"""``foldsweep rollback``: an alias goes back to the version before."""

import click

from search.cli.output import json_option, print_json, quiet_stdout, terminal


@click.command
@click.argument("model")
@click.option("--to", type=click.IntRange(min=1), help="Version to go back to; the one before.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; kept in the model's history.")
@click.option(
    "--alias", metavar="NAME", default="champion", show_default=True, help="Alias to move."
)
@json_option
def command(model: str, to: int | None, reason: str, alias: str, as_json: bool) -> None:
    """Point the champion's alias back to the version before.

    MODEL is the name of the registered model. No version is deleted; given twice, the command goes
    back two versions.
    """
    with quiet_stdout():
        from search.cli.opening import tracking_of_home
        from search.promotion.rollback import roll_back

        tracking_of_home()
        done = roll_back(model, reason=reason, to=to, alias=alias).to_json()
    if as_json:
        print_json(done)
    else:
        left = f"instead of {done['before']}" if done["before"] else "where none was"
        terminal().print(
            f"models:/{model}@{alias} is version {done['after']} again, {left}. Kept in its"
            f" history with the reason: {done['who']} on {done['host']}, {done['at']}."
        )
