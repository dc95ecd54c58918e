"""Registered models as people and programs see them: versions, scores, verdicts, origins."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypedDict

from mlruns_config import names
from mlruns_config.registry.listing import ListedModel
from mlruns_config.registry.versions import Version

Json = dict[str, Any]
VIEWS = ("clean", "shifted", "corrupted")


class Origin(TypedDict):
    """What a version was made from."""

    kind: str
    """``trial`` or ``ensemble``."""
    sweep: str
    trials: list[int]
    """The heaviest first."""


def model_document(listed: ListedModel) -> Json:
    """Give a registered model with its versions, the newest first."""
    return {
        "model": listed.name,
        "aliases": dict(listed.aliases),
        "versions": [version_document(listed, version) for version in listed.versions],
    }


def history_document(listed: ListedModel) -> Json:
    """Give every move of every alias of a model, the oldest first."""
    return {
        "model": listed.name,
        "aliases": dict(listed.aliases),
        "history": [move.to_json() for move in listed.moves],
    }


def version_document(listed: ListedModel, version: Version) -> Json:
    """Give what a version's tags say; what they do not say is null."""
    tags = version.tags
    looks = tags.get(names.TAG_LOOKS, "")
    verified = tags.get(names.TAG_VERIFIED)
    return {
        "version": version.number,
        "aliases": listed.aliases_of(version),
        "uri": version.uri,
        "registered_at": _iso(version.created_ms),
        "origin": origin_of(version),
        "scores": scores_of(version),
        "gate": tags.get(names.TAG_GATE),
        "reason": tags.get(names.TAG_REASON),
        "looks": int(looks) if looks.isdecimal() else None,
        "verified": None if verified is None else verified == "yes",
        "run_id": version.run_id or None,
    }


def origin_of(version: Version) -> Origin | None:
    """Say which sweep and trials a version comes from; None if its tags do not."""
    sweep = version.tags.get(names.TAG_SWEEP)
    if sweep is None:
        return None
    weights = _mapping(version.tags.get(names.TAG_MEMBERS))
    own = {version.tags.get(names.TAG_TRIAL, ""): 1.0}
    by_weight = sorted((weights or own).items(), key=lambda entry: -_number(entry[1]))
    trials = [int(trial) for trial, _ in by_weight if trial.isdecimal()]
    return {"kind": "ensemble" if len(trials) > 1 else "trial", "sweep": sweep, "trials": trials}


def scores_of(version: Version) -> Json:
    """Give the scores on the holdout, each with its interval, and the mean of clean and shifted."""
    said = _mapping(version.tags.get(names.TAG_HOLDOUT))
    scores: Json = {view: _score(said.get(view)) for view in VIEWS}
    clean, shifted = scores["clean"], scores["shifted"]
    robust: Json | None = None
    if clean and shifted:
        robust = {"score": (clean["score"] + shifted["score"]) / 2, "interval": None}
    return {**scores, "robust": robust}


def _score(entry: Any) -> Json | None:
    """Read one score; a tag that somebody has changed is as good as none."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("score"), int | float):
        return None
    return {"score": float(entry["score"]), "interval": entry.get("interval")}


def _mapping(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _iso(ms: int) -> str | None:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds") if ms else None
