"""The numbers of a trial as plain data, for a database and for a person."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from objectives.records import TrialResult


def summary_json(result: TrialResult) -> dict[str, Any]:
    """Give what is kept of a trial besides its scores, as JSON has it.

    Returns:
        ``fold_scores`` (a list), ``epochs`` and ``stage_s`` (by stage), ``summaries`` (by view,
        the fields of :class:`~objectives.records.ViewSummary`), ``sharing`` (``views`` and
        ``features``, or null) and ``metrics``. JSON has only finite numbers: of ``metrics`` others
        are left out, elsewhere they are null.
    """
    plain: dict[str, Any] = _plain(
        {
            "fold_scores": result.fold_scores,
            "epochs": result.epochs,
            "summaries": {view: asdict(summary) for view, summary in result.summaries.items()},
            "stage_s": result.stage_s,
            "sharing": result.sharing and asdict(result.sharing),
            "metrics": {name: n for name, n in result.metrics.items() if math.isfinite(n)},
        }
    )
    return plain


def _plain(value: Any) -> Any:
    """Make Python's own types of mappings, sequences and numbers of any kind."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, int):
        return value
    number = float(value)
    return number if math.isfinite(number) else None
