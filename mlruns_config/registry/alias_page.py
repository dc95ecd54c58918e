"""The page of a registered model in MLflow's UI: where its aliases point to, and who moved them."""

from collections.abc import Iterator, Sequence

from mlruns_config.markdown import plain, table
from mlruns_config.names import TAG_MOVE
from mlruns_config.registry.alias_moves import AliasMove, moves_of
from mlruns_config.registry.registry import MAX_DESCRIPTION, registry
from mlruns_config.settings import TrackingSettings

MARK = "[//]: # (foldsweep writes all that follows; what stands above is yours)"
"""A comment in Markdown, which no page shows."""
MOST_MOVES = 30
REASON_CHARACTERS = 160


def write_alias_page(settings: TrackingSettings, model: str) -> None:
    """Bring the description of a registered model up to date; what people wrote there stays.

    Raises:
        UnavailableError: If MLflow does not answer.
    """
    with registry(settings) as client:
        found = client.get_registered_model(model)
        own = (found.description or "").partition(MARK)[0].rstrip()
        head = f"{own}\n\n{MARK}" if own else MARK
        written = alias_page(model, moves_of(found), MAX_DESCRIPTION - len(head) - 2)
        if written:
            client.update_registered_model(model, f"{head}\n\n{written}")


def alias_page(model: str, moves: Sequence[AliasMove], most: int) -> str:
    """Write the page, with as many of the latest moves as there is room for.

    Args:
        model: The model's name.
        moves: Its history, the oldest first.
        most: Characters that the page may have.

    Returns:
        Markdown; empty if there is no room even for what is there now.
    """
    for shown in range(min(len(moves), MOST_MOVES), -1, -1):
        page = _page(model, moves, shown)
        if len(page) <= most:
            return page
    return ""


def _page(model: str, moves: Sequence[AliasMove], shown: int) -> str:
    parts = [
        "### Aliases",
        table(("alias", "version", "since", "by", "why"), _standing(moves)),
        f"Load one: `models:/{model}@champion`. Each version's page says what it is.",
    ]
    if shown:
        latest = list(reversed(moves))[:shown]
        headings = ("when", "alias", "from", "to", "how", "by", "why")
        parts += ["### Who moved them, the latest first", table(headings, map(_row, latest))]
    parts.append(
        f"All {len(moves)} moves with their figures: `foldsweep models {model} --history`, or the "
        f"tags `{TAG_MOVE}.*`."
    )
    return "\n\n".join(parts)


def _standing(moves: Sequence[AliasMove]) -> Iterator[Sequence[str]]:
    last = {move.alias: move for move in moves if move.carried_out}
    for alias, move in sorted(last.items()):
        if move.after is not None:
            why = f"{move.kind}: {plain(move.reason, REASON_CHARACTERS)}"
            yield plain(alias), str(move.after), _when(move), _by(move), why


def _row(move: AliasMove) -> Sequence[str]:
    how = move.kind if move.carried_out else f"{move.kind}, not carried out"
    versions = (str(number or "none") for number in (move.before, move.after))
    reason = plain(move.reason, REASON_CHARACTERS)
    return _when(move), plain(move.alias), *versions, how, _by(move), reason


def _when(move: AliasMove) -> str:
    return "unknown" if move.at is None else move.at[:16].replace("T", " ") + " UTC"


def _by(move: AliasMove) -> str:
    return "unknown" if move.who is None else plain(f"{move.who} on {move.host}", 80)
