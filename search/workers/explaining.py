"""Pictures of what the best trial so far looked at, which the rest have no time for."""

import logging

from objectives.records import TrialContext, TrialResult
from search.sweep_file.sweep_file import SweepFile
from spaces.params import TrialParams

_logger = logging.getLogger(__name__)


def explain_best(
    file: SweepFile, params: TrialParams, context: TrialContext, result: TrialResult
) -> None:
    """Draw the worst mistakes of a trial, and the places that spoke for them, into its folder.

    It takes a forward pass of some images, seconds where the backbone is large, and serves only the
    built-in objective, whose heads are known.

    Args:
        file: The sweep's.
        params: The trial's.
        context: What its objective was given.
        result: What that found.
    """
    if file.objective != SweepFile.model_fields["objective"].default:
        return
    from objectives.explanation import explain_mistakes

    try:
        explain_mistakes(params, context, result)
    # The trial is done: whatever is wrong with its pictures must not fail it.
    except Exception:
        _logger.exception("no picture of what the trial looked at")
