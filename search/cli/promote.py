"""``foldsweep promote``: from the best trials to a registered model."""

from typing import Literal

import click

from search.cli.arguments import ensemble_size
from search.cli.opening import open_sweep
from search.cli.output import (
    json_option,
    print_json,
    quiet_stdout,
    side_terminal,
    terminal,
)
from spaces.errors import RefusedError


@click.command
@click.argument("sweep")
@click.option("--trial", type=click.IntRange(min=0), help="Promote this one alone.")
@click.option(
    "--ensemble",
    metavar="auto|N|none",
    callback=ensemble_size,
    default="auto",
    show_default=True,
    help="Let several trials answer: where it gains, at most N of them, or never.",
)
@click.option("--model", metavar="NAME", help="Name of the registered model; that of the sweep.")
@click.option(
    "--alias", metavar="NAME", default="champion", show_default=True, help="Alias to set."
)
@click.option("--force", is_flag=True, help="Register although the gate said no.")
@click.option(
    "--as",
    "role",
    type=click.Choice(["champion", "challenger"]),
    default="champion",
    show_default=True,
    help="A challenger is registered whatever the gate says, and the champion stays.",
)
@click.option("--keep-refused", is_flag=True, help="What the gate refuses becomes the challenger.")
@click.option("--dry-run", is_flag=True, help="Register nothing and move no alias.")
@json_option
def command(
    sweep: str,
    trial: int | None,
    ensemble: int | Literal["auto", "none"],
    model: str | None,
    alias: str,
    force: bool,
    role: Literal["champion", "challenger"],
    keep_refused: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Refit what answers best, test it on the holdout and register the model.

    SWEEP is the sweep's name. The alias moves only if the gate passes; if it does not, the exit
    code is 1. A dry run looks at the holdout as the promotion would, and that look is counted.
    """
    with quiet_stdout():
        from search.progress import step_display

        with step_display(side_terminal()) as say:
            promotion = open_sweep(sweep).promote(
                trial=trial,
                ensemble=ensemble,
                model=model,
                alias=alias,
                force=force,
                role=role,
                keep_refused=keep_refused,
                dry_run=dry_run,
                on_progress=say,
            )
    if as_json:
        print_json(promotion.to_json())
    else:
        from search.cli.model_report import promotion_report

        terminal().print(promotion_report(promotion.to_json()))
    if not (promotion.passed or force or role == "challenger"):
        raise RefusedError(promotion.reason)
