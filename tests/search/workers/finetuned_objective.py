"""An objective in two stages, whose trials from the sixth on do not improve in fine-tuning."""

import numpy as np

from objectives.records import TrialContext, TrialResult
from spaces.params import TrialParams

GOOD_TRIALS = 5


def score(params: TrialParams, context: TrialContext) -> TrialResult:
    """Score the heads, the better the later the trial; fine-tuning helps the first five."""
    trial = int(context.checkpoint_folder.name)
    value = 0.5 + trial / 100
    train, reporter = context.train, context.reporter
    goes_on = all(
        reporter.report("head", epoch, dict.fromkeys(range(3), value))
        for epoch in range(train.head_epochs)
    )
    assert goes_on, "better than those before, the heads are not stopped"
    goes_on = reporter.enters_finetuning(value)
    tuned = value + 0.3 if trial < GOOD_TRIALS else value
    if goes_on:
        goes_on = all(
            reporter.report("finetune", epoch, dict.fromkeys(range(3), tuned))
            for epoch in range(train.finetune_epochs)
        )
    found = tuned if goes_on else value
    return TrialResult(
        score=found,
        clean=found,
        shifted=None,
        fold_scores=(found,) * 3,
        epochs={"head": train.head_epochs},
        oof_clean=np.full((len(context.splits.rows), 3), 1 / 3, np.float32),
        oof_shifted=None,
        curves={},
        stopped=not goes_on,
    )
