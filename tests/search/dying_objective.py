"""A module that ends every worker process which imports it."""

import os
import sys

from objectives.records import TrialContext, TrialResult
from spaces.errors import TrialError
from spaces.params import TrialParams

if "worker_main" in sys.argv[0]:
    print("no licence for this library")
    sys.stdout.flush()
    os._exit(3)


def score(params: TrialParams, context: TrialContext) -> TrialResult:
    """End the trial: only a process that is no worker gets this far."""
    raise TrialError("this objective scores nothing")
