"""Point an alias back to a version that carried it before, and keep the reason."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from mlruns_config.names import ALIAS_CHAMPION, TAG_GATE, TAG_VERIFIED
from mlruns_config.registry.alias_moves import (
    MAX_REASON,
    AliasMove,
    MoveReason,
    line_of,
    move_noting,
)
from mlruns_config.registry.alias_page import write_alias_page
from mlruns_config.registry.listing import ListedModel, read_model
from mlruns_config.registry.loading import check_file
from mlruns_config.registry.registry import check_alias
from mlruns_config.registry.versions import Version
from mlruns_config.settings import TrackingSettings
from search.promotion.registered import scores_of
from search.promotion.registration import ALIAS_LOCK
from search.settings import RuntimeSettings
from search.storage.storage import open_storage, storage_exists
from spaces.errors import InputError, RefusedError
from spaces.text import is_text


@dataclass(frozen=True)
class Rollback:
    """What was done."""

    version: Version
    """That carries the alias now."""
    move: AliasMove

    def to_json(self) -> dict[str, Any]:
        """Give what ``foldsweep rollback --json`` prints."""
        return {"model": self.version.model, "uri": self.version.uri, **self.move.to_json()}


def roll_back(
    model: str,
    *,
    reason: str,
    to: int | None = None,
    alias: str = ALIAS_CHAMPION,
    settings: RuntimeSettings | None = None,
) -> Rollback:
    """Point an alias back; nothing is deleted, and the model's history says who did it and why.

    Only a version that carried the alias before is gone back to, and only if its file is still the
    one of its promotion. Going back twice goes back two versions.

    Args:
        model: Name of the registered model.
        reason: Why, in a sentence.
        to: Number of the version; None takes the one before the present one.
        alias: What is moved.
        settings: Of this machine; from the environment if None.

    Raises:
        InputError: If there is no such model, version or reason, or nothing to go back to.
        RefusedError: If the version is not as it was promoted, or the alias moved meanwhile.
        UnavailableError: If MLflow or the storage does not answer.
    """
    settings = settings or RuntimeSettings.from_environment()
    tracking = TrackingSettings.from_environment(settings.home)
    text = _checked_reason(reason)
    check_alias(alias)
    listed = read_model(tracking, model)
    now = listed.aliases.get(alias)
    version = _version_before(listed, alias) if to is None else _named(listed, alias, to)
    if version.tags.get(TAG_VERIFIED) != "yes":
        raise RefusedError(
            f"{version.uri} was never verified by a process without foldsweep, so {alias!r} is not "
            "pointed to it. Take another version."
        )
    check_file(tracking, version)
    with _alias_lock(settings):
        found = read_model(tracking, model).aliases.get(alias)
        if found != now:
            raise RefusedError(
                f"{model}@{alias} moved from version {now or 'none'} to {found or 'none'} while it "
                "was to be rolled back; look again with 'foldsweep models'."
            )
        why = MoveReason("rollback", text, _figures(listed, version, now))
        move = move_noting(tracking, version, alias, now, why)
        write_alias_page(tracking, model)
    return Rollback(version, move)


def _checked_reason(reason: str) -> str:
    text = reason.strip()
    if not text or not is_text(text) or "\x00" in text:
        raise InputError("say in a sentence why: --reason TEXT is kept in the model's history.")
    if len(text) > MAX_REASON:
        raise InputError(
            f"the reason has {len(text)} characters; at most {MAX_REASON} are kept. Shorten it."
        )
    return text


def _version_before(listed: ListedModel, alias: str) -> Version:
    """Give the version that carried the alias before the present one did."""
    line = line_of(listed.moves, alias)
    if alias in listed.aliases:
        line = line[:-1]
    if not line:
        raise InputError(
            f"nothing is known of a version that was {listed.name}@{alias} before; name one with "
            f"--to: {_choices(listed, alias)}."
        )
    return listed.version(str(line[-1]))


def _named(listed: ListedModel, alias: str, number: int) -> Version:
    """Give a version of a number, if the alias may go back to it."""
    version = listed.version(str(number))
    if listed.aliases.get(alias) == number:
        raise InputError(f"version {number} is {listed.name}@{alias} already.")
    if version not in _carriers(listed, alias):
        raise InputError(
            f"version {number} was never {listed.name}@{alias}, so there is nothing to go back to; "
            f"known: {_choices(listed, alias)}. To make it that, promote its trial again, with "
            "--force if the gate refuses it."
        )
    return version


def _carriers(listed: ListedModel, alias: str) -> list[Version]:
    """List the versions that have carried the alias.

    Those of before there was a history are known by what the gate said: it moved the alias then.
    """
    moves = [move for move in listed.moves if move.alias == alias and move.carried_out]
    carried = {number for move in moves for number in (move.before, move.after)}
    entered = [move.after for move in listed.moves if move.who is not None and move.after]
    return [
        version
        for version in listed.versions
        if version.number in carried
        or (
            version.number < min(entered, default=version.number + 1)
            and version.tags.get(TAG_GATE) in ("passed", "forced")
        )
    ]


def _choices(listed: ListedModel, alias: str) -> str:
    now = listed.aliases.get(alias)
    numbers = [each.number for each in _carriers(listed, alias) if each.number != now]
    return ", ".join(map(str, numbers)) or "none"


def _figures(listed: ListedModel, version: Version, now: int | None) -> dict[str, Any]:
    """Give the scores of the version that is gone back to, and of the one that is left."""
    left = [each for each in listed.versions if each.number == now]
    return {"to": scores_of(version), "from": scores_of(left[0]) if left else None}


@contextmanager
def _alias_lock(settings: RuntimeSettings) -> Iterator[None]:
    """Hold what promotions hold; where there is no storage, none is running from here."""
    if not storage_exists(settings.storage_url):
        yield
        return
    with closing(open_storage(settings.storage_url)) as storage, storage.exclusive(ALIAS_LOCK):
        yield
