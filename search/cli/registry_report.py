"""The registry as text for people: versions, the history of aliases, comparisons."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from search.cli.leaderboard import new_table
from search.progress import number

Document = Mapping[str, Any]
SHOWN_VIEWS = ("clean", "shifted", "robust", "corrupted")
SHOWN_CHANGES = 24
VERDICTS = {
    "better": "is better",
    "worse": "is worse",
    "undecided": "may be better or worse",
}


def model_report(document: Document) -> RenderableType:
    """Give each version of a model a row, the newest first."""
    table = new_table("version", "aliases", *SHOWN_VIEWS, "gate", "origin", "registered")
    for version in document["versions"]:
        scores = version["scores"]
        gate = version["gate"] or "-"
        table.add_row(
            str(version["version"]),
            ", ".join(version["aliases"]) or "-",
            *(number((scores[view] or {}).get("score")) for view in SHOWN_VIEWS),
            gate if version["verified"] is not False else f"{gate}, not verified",
            _origin(version["origin"]),
            _moment(version["registered_at"]),
        )
    return Group(Text(document["model"], "bold"), table)


def history_report(document: Document) -> RenderableType:
    """Give each move of an alias a row, the oldest first."""
    table = new_table("when", "alias", "from", "to", "how", "by", "why")
    _fold_last(table)
    for move in document["history"]:
        how = move["kind"] if move["carried_out"] else f"{move['kind']}, not carried out"
        table.add_row(
            _moment(move["at"]),
            move["alias"],
            str(move["before"] or "-"),
            str(move["after"] or "-"),
            how,
            "-" if move["who"] is None else f"{move['who']} on {move['host']}",
            move["reason"],
        )
    return Group(Text(document["model"], "bold"), table)


def comparison_report(document: Document) -> RenderableType:
    """Say how far apart two versions are, and which images they call differently."""
    first, second = document["first"], document["second"]
    counts = document["counts"]
    about = document["kind"] if document["score"] else "clean, as their shifts differ"
    parts: list[RenderableType] = [
        Text(
            f"{document['model']}: version {second} {VERDICTS[document['verdict']]} than version"
            f" {first} ({document['metric']}, {about}); the gate"
            f" {'would let' if document['would_pass'] else 'would not let'} it take its place",
            "bold",
        ),
        _score_table(document),
        Text(
            f"{document['images']} held-out images in {document['groups']} groups;"
            f" {len(document['changed'])} are called differently: version {second} mends"
            f" {counts['mended']} and breaks {counts['broken']}"
        ),
    ]
    if document["changed"]:
        parts.append(_change_table(document))
    if document["looks"] is None:
        parts.append(Text("The holdout was not opened: these are answers that promotions kept."))
    else:
        parts.append(Text(f"Looks at this holdout, this one included: {document['looks']}"))
    if document["picture"]:
        parts.append(Text(f"Pictures: {document['picture']}"))
    return Group(*parts)


def _score_table(document: Document) -> Table:
    headings = (f"version {document[place]}" for place in ("first", "second"))
    table = new_table("view", *headings, "difference", "95 % interval")
    views = {f"score ({document['kind']})": document["score"], **document["views"]}
    for view, found in views.items():
        if found is not None:
            difference = found["difference"]
            low, high = difference["interval"]
            table.add_row(
                view,
                number(found["first"]["score"]),
                number(found["second"]["score"]),
                f"{difference['score']:+.4f}",
                f"{low:+.4f} to {high:+.4f}",
            )
    return table


def _change_table(document: Document) -> Table:
    headings = (f"version {document[place]}" for place in ("first", "second"))
    table = new_table("image", "is", *headings, "change")
    for image in document["changed"][:SHOWN_CHANGES]:
        said = (image[place] for place in ("first", "second"))
        guesses = (f"{guess['label']} {number(guess['probability'])}" for guess in said)
        table.add_row(image["name"], image["label"], *guesses, image["change"])
    n_more = len(document["changed"]) - SHOWN_CHANGES
    if n_more > 0:
        table.add_row(f"and {n_more} more")
    return table


def _origin(origin: Document | None) -> str:
    if origin is None:
        return "-"
    trials = ", ".join(map(str, origin["trials"]))
    noun = "trial" if origin["kind"] == "trial" else "trials"
    return f"{origin['sweep']}, {noun} {trials}"


def _moment(iso: str | None) -> str:
    return "-" if iso is None else iso[:16].replace("T", " ") + " UTC"


def _fold_last(table: Table) -> None:
    """Let a sentence be read to its end."""
    column = table.columns[-1]
    column.no_wrap, column.overflow = False, "fold"
