"""Promotions and predictions, as text for people."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from search.cli.leaderboard import new_table
from search.progress import number

Document = Mapping[str, Any]
FORMS = {
    "single": "the single best",
    "ensemble": "the ensemble",
    "majority": "its majority",
    "symmetries": "the same over flips and turns",
}
MODELS = {"registered": "this model", "single": "its heaviest trial alone"}


def promotion_report(document: Document) -> RenderableType:
    """Say what was registered and how it did on the holdout, beside the champion before."""
    verdict = "passed" if document["passed"] else "refused"
    trials = ", ".join(str(trial) for trial in document["trials"])
    noun = "Trial" if len(document["trials"]) == 1 else "Trials"
    return Group(
        Text(f"{noun} {trials}, refitted: {verdict} by the gate", "bold"),
        Text(document["reason"]),
        *_lineup(document),
        _holdout_table(document),
        Text(_calibration(document)),
        _latency_table(document),
        Text(f"Looks at this holdout, this one included: {document['looks']}"),
        Text(_outcome(document)),
    )


def prediction_table(predictions: Iterable[Document]) -> Table:
    """Give each image a row: its class and the three likeliest."""
    table = new_table("image", "class", "probability", "then")
    for prediction in predictions:
        likeliest = sorted(prediction["probabilities"].items(), key=lambda entry: -entry[1])
        then = ", ".join(f"{name} {number(value)}" for name, value in likeliest[1:3])
        table.add_row(
            prediction["path"],
            prediction["class"] or f"({prediction['error']})",
            number(prediction["probability"]),
            then,
        )
    return table


def _lineup(document: Document) -> Iterator[RenderableType]:
    """Say who answers, and why not fewer or more."""
    if len(document["members"]) > 1:
        table = new_table("trial", "weight", "temperature")
        for member in document["members"]:
            cells = member["weight"], member["temperature"]
            table.add_row(str(member["trial"]), *(f"{cell:.2f}" for cell in cells))
        yield table
    for found in (document["choice"] or {}).get("comparisons", ()):
        low, high = found["interval"]
        yield Text(
            f"Out of fold: {FORMS[found['form']]} {number(found['score'])}, against"
            f" {FORMS[found['rival']]} {found['gain']:+.4f} ({low:+.4f} to {high:+.4f}):"
            f" {'taken' if found['taken'] else 'not taken'}"
        )
    if document["left_out"]:
        trials = ", ".join(document["left_out"])
        reason = next(iter(document["left_out"].values()))
        yield Text(f"Left out of the choice: {trials}, the first because {reason}")


def _calibration(document: Document) -> str:
    before, after = document["calibration"]["before"], document["calibration"]["after"]
    return (
        "On the held-out images, before and after the temperatures: log loss"
        f" {number(before['log_loss'])} and {number(after['log_loss'])}, calibration error"
        f" {number(before['calibration_error'])} and {number(after['calibration_error'])}"
    )


def _latency_table(document: Document) -> Table:
    latency = document["latency_ms"]
    table = new_table("ms an image", *(f"batch of {size}" for size in latency["registered"]))
    for model, by_size in latency.items():
        table.add_row(MODELS[model], *(f"{ms:.1f}" for ms in by_size.values()))
    return table


def _holdout_table(document: Document) -> Table:
    before = document["champion_holdout"] or {}
    table = new_table("holdout", "challenger", "95 % interval", *(["champion"] if before else []))
    for view, entry in document["holdout"].items():
        if entry is not None:
            low, high = entry["interval"]
            cells = [view, number(entry["score"]), f"{number(low)} to {number(high)}"]
            if before:
                cells.append(number((before.get(view) or {}).get("score")))
            table.add_row(*cells)
    return table


def _outcome(document: Document) -> str:
    if document["dry_run"]:
        return _dry_outcome(document)
    if document["version"] is None:
        return "Nothing was registered; the alias stays where it was."
    name = f"Registered {document['model']} version {document['version']}"
    if document["alias"] is None:
        return f"{name}; no alias was moved."
    return f"{name} as models:/{document['model']}@{document['alias']}"


def _dry_outcome(document: Document) -> str:
    """Say what a promotion would have done."""
    alias = document["destination"]
    would = "would register nothing"
    if alias is not None:
        would = f"would register it as models:/{document['model']}@{alias}"
    return f"Dry run: nothing was registered, no alias was moved. The promotion {would}."
