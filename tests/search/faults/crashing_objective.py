"""The tiny objective, whose first trial ends its process, or fails with an error no text holds."""

import os
import sys

from objectives.records import TrialContext, TrialResult
from spaces.params import TrialParams
from tests.search import tiny_objective

EXIT_CODE = 3
ODD_MESSAGE = "a\x00b and half of a pair: \ud800"


def score(params: TrialParams, context: TrialContext) -> TrialResult:
    """End or fail in the first trial, as ``FIRST_TRIAL`` says (``exit`` or ``fail``)."""
    if context.checkpoint_folder.name == "0":
        if os.environ["FIRST_TRIAL"] == "exit":
            sys.exit(EXIT_CODE)
        raise ValueError(ODD_MESSAGE)
    return tiny_objective.score(params, context)
