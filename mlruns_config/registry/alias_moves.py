"""The history of aliases: every move is entered before it is made, and kept with the model.

An entry is a tag of its own on the registered model. So two moves at once do not overwrite each
other's entry, and whatever becomes of versions, runs and sweeps leaves all entries alone.
"""

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from itertools import zip_longest
from socket import gethostname
from typing import TYPE_CHECKING, Any, Literal

from pydantic import TypeAdapter, ValidationError

from mlruns_config.names import TAG_MOVE
from mlruns_config.registry.registry import check_alias, registry
from mlruns_config.registry.versions import Version
from mlruns_config.settings import TrackingSettings, tracking_user

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import RegisteredModel

MoveKind = Literal["promotion", "forced promotion", "challenger", "rollback", "outside", "damaged"]
"""``outside``: nobody entered it; ``damaged``: an entry that somebody has changed by hand."""
OUTSIDE_REASON = "not by foldsweep, which would have entered who moved it and why"
MAX_REASON = 1000
"""Characters. MLflow's database takes 5,000 in a tag."""


@dataclass(frozen=True)
class MoveReason:
    """Why an alias is moved."""

    kind: MoveKind
    text: str
    """A gate's sentence, or a person's."""
    figures: Mapping[str, Any] = field(default_factory=dict)
    """What it was decided by, as plain data."""
    run_id: str | None = None
    """Of the promotion."""


@dataclass(frozen=True)
class AliasMove:
    """One entry of a model's history."""

    number: int
    """Counts up; two that moved at the same moment from different storages may share one."""
    alias: str
    before: int | None
    """The version that carried the alias; None if none did."""
    after: int | None
    """The version that was to carry it; None if the alias was taken away."""
    kind: MoveKind
    reason: str
    at: str | None = None
    """ISO 8601, UTC; None where nobody knows."""
    who: str | None = None
    host: str | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    run_id: str | None = None
    carried_out: bool = False
    """Whether the alias was moved; a process may have died before it came to that."""

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return asdict(self)


def move_noting(
    settings: TrackingSettings,
    version: Version,
    alias: str,
    before: int | None,
    reason: MoveReason,
) -> AliasMove:
    """Enter a move, point the alias to the version, and enter that it was done.

    Args:
        settings: Where the registry is.
        version: What the alias is to point to.
        alias: What is moved.
        before: The version that carries it now; None if none does.
        reason: Why.

    Raises:
        InputError: If MLflow does not allow the alias.
        UnavailableError: If MLflow does not answer; the entry then says that nothing was moved,
            unless it was.
    """
    check_alias(alias)
    with registry(settings) as client:
        entered = _entries(client.get_registered_model(version.model))
        move = AliasMove(
            number=1 + max((known.number for known in entered), default=0),
            alias=alias,
            before=before,
            after=version.number,
            kind=reason.kind,
            reason=reason.text[:MAX_REASON],
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            who=tracking_user(),
            host=gethostname(),
            figures=reason.figures,
            run_id=reason.run_id,
        )
        key = f"{TAG_MOVE}.{move.number:05d}.{uuid.uuid4().hex[:8]}"
        _write(client, version.model, key, move)
        client.set_registered_model_alias(version.model, alias, str(version.number))
        done = replace(move, carried_out=True)
        _write(client, version.model, key, done)
        return done


def moves_of(model: "RegisteredModel") -> list[AliasMove]:
    """Read the history of a model from its tags and aliases, the oldest move first."""
    aliases = {alias: int(number) for alias, number in model.aliases.items()}
    return complete(_entries(model), aliases)


def complete(entries: Sequence[AliasMove], aliases: Mapping[str, int]) -> list[AliasMove]:
    """Say which moves came about, and put in those that nobody entered.

    A process may die between entry and move, and anybody may move an alias in MLflow itself. What
    the next move of the alias found, or what is there now, tells.

    Args:
        entries: In their order.
        aliases: Which version carries which alias now.
    """
    of_alias = {
        alias: iter(_completed(alias, entries, aliases.get(alias)))
        for alias in dict.fromkeys([*(entry.alias for entry in entries), *aliases])
    }
    found: list[AliasMove] = []
    for entry in entries:
        for move in of_alias[entry.alias]:
            found.append(move)
            if move.kind != "outside":
                break
    return found + [move for rest in of_alias.values() for move in rest]


def line_of(moves: Sequence[AliasMove], alias: str) -> list[int]:
    """List the versions that an alias has come through, the last one last.

    What was rolled back is left out: so going back twice goes back two versions, and not to and
    fro.

    Args:
        moves: As :func:`complete` gives them.
        alias: The alias.
    """
    line: list[int] = []
    for move in moves:
        if move.alias != alias or not move.carried_out or move.after is None:
            continue
        if not line and move.before is not None:
            line.append(move.before)
        if move.kind == "rollback" and move.after in line:
            last = max(place for place, number in enumerate(line) if number == move.after)
            del line[last + 1 :]
        elif not line or line[-1] != move.after:
            line.append(move.after)
    return line


def _completed(alias: str, entries: Sequence[AliasMove], now: int | None) -> Iterator[AliasMove]:
    mine = [entry for entry in entries if entry.alias == alias]
    # Before its first entry an alias may have been wherever that entry found it.
    position = mine[0].before if mine else None
    for entry, following in zip_longest(mine, mine[1:]):
        if entry.kind == "damaged":
            yield entry
            continue
        if entry.before != position:
            yield _outside(alias, position, entry.before, entry.number)
        found_next = now if following is None else following.before
        carried_out = entry.carried_out or found_next == entry.after
        position = entry.after if carried_out else entry.before
        yield replace(entry, carried_out=carried_out)
    if position != now:
        yield _outside(alias, position, now, mine[-1].number if mine else 0)


def _outside(alias: str, before: int | None, after: int | None, number: int) -> AliasMove:
    return AliasMove(number, alias, before, after, "outside", OUTSIDE_REASON, carried_out=True)


def _entries(model: "RegisteredModel") -> list[AliasMove]:
    tags = {key: text for key, text in model.tags.items() if key.startswith(f"{TAG_MOVE}.")}
    entries = [_read(key, text) for key, text in tags.items()]
    return sorted(entries, key=lambda entry: (entry.number, entry.at or ""))


def _read(key: str, text: str) -> AliasMove:
    try:
        return TypeAdapter(AliasMove).validate_json(text)
    except ValidationError:
        number = key.removeprefix(f"{TAG_MOVE}.").partition(".")[0]
        place = int(number) if number.isdecimal() else 0
        reason = f"the tag {key} was changed by hand: {text[:200]}"
        return AliasMove(place, "", None, None, "damaged", reason)


def _write(client: "MlflowClient", model: str, key: str, move: AliasMove) -> None:
    text = json.dumps(move.to_json(), ensure_ascii=False)
    client.set_registered_model_tag(model, key, text)
