"""``foldsweep budget``: what a sweep may use, and how to let it use more."""

from typing import TYPE_CHECKING, Any

import click

from search.cli.opening import open_sweep
from search.cli.output import json_option, print_json, quiet_stdout, terminal

if TYPE_CHECKING:
    from collections.abc import Mapping


@click.command
@click.argument("sweep")
@click.option("--trials", type=int, metavar="N", help="Trials in all.")
@click.option("--hours", type=float, metavar="H", help="Hours in which a worker runs, in all.")
@click.option("--gpu-hours", type=float, metavar="G", help="Hours times GPUs, in all.")
@click.option("--money", type=float, metavar="M", help="What all GPUs may cost, in all.")
@click.option("--gpu-hour-price", type=float, metavar="P", help="What an hour of one GPU costs.")
@json_option
def command(sweep: str, as_json: bool, **limits: float | None) -> None:
    """Show or change the budget of a sweep, also while workers run.

    SWEEP is the sweep's name. A limit that is not given stays as it is. Workers that run hear of
    the new budget within seconds; if none does, launch or start workers to go on.
    """
    with quiet_stdout():
        opened = open_sweep(sweep)
        if any(limit is not None for limit in limits.values()):
            opened.change_budget(**limits)  # type: ignore[arg-type]
        status = opened.status()
    if as_json:
        print_json({"sweep": status.sweep, "state": status.state, **status.budget})
        return
    terminal().print("\n".join(_lines(status.sweep, status.state, status.budget)))


def _lines(sweep: str, state: str, budget: "Mapping[str, Any]") -> list[str]:
    lines = [f"{sweep}, {state}: {budget['trials_used']} of {budget['trials']} trials used"]
    for name, unit in (("hours", "hours"), ("gpu_hours", "GPU hours")):
        used = f"{budget[name + '_used']:.2f}"
        limit = budget[name]
        lines.append(
            f"{used} {unit} used, no limit" if limit is None else f"{used} of {limit:g} {unit} used"
        )
    if budget["money"] is not None:
        lines.append(f"{budget['money_used']:.2f} of {budget['money']:g} spent on GPUs")
    return lines
