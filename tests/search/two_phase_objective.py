"""An objective with two phases that takes milliseconds: a head's score grows with its number.

Fine-tuning adds 0.2 to it. In ``TINY_OBJECTIVE_FOLDER`` the file ``order`` lists the phases in the
order in which they began, ``incumbents`` whom each fine-tuning was to race against, and a file
``worse-TRIAL``, ``stopped-TRIAL`` or ``broken-TRIAL`` says what becomes of the fine-tuning of a
trial.
"""

import os
import time
from pathlib import Path

import numpy as np

from objectives.records import Stage, TrialContext, TrialResult
from spaces.params import TrialParams

GAIN = 0.2


def head_score(trial: int) -> float:
    """Give what a head finds."""
    return 0.5 + trial / 100


def score(params: TrialParams, context: TrialContext) -> TrialResult:
    """Score one phase of a trial."""
    trial = int(context.checkpoint_folder.name.partition("-")[0])
    folder = Path(os.environ["TINY_OBJECTIVE_FOLDER"])
    with (folder / "order").open("a") as order:
        order.write(f"{trial} {context.phase}\n")
    if context.phase == "head":
        return _run("head", head_score(trial), context.train.head_epochs, context)
    assert context.head is not None
    with (folder / "incumbents").open("a") as incumbents:
        incumbents.write(f"{trial} {context.incumbent and context.incumbent.name}\n")
    if (folder / f"broken-{trial}").exists():
        raise ValueError("the network does not fit")
    gain = -GAIN if (folder / f"worse-{trial}").exists() else GAIN
    n_epochs = context.train.finetune_epochs
    if (folder / f"stopped-{trial}").exists():
        return _run("finetune", context.head.score + gain, n_epochs, context, stops=True)
    return _run("finetune", context.head.score + gain, n_epochs, context)


def _run(
    stage: Stage, value: float, n_epochs: int, context: TrialContext, *, stops: bool = False
) -> TrialResult:
    folds = context.splits.n_folds
    goes_on = True
    for epoch in range(n_epochs):
        time.sleep(float(os.environ.get("TINY_OBJECTIVE_EPOCH_S", "0.005")))
        goes_on = context.reporter.report(stage, epoch, dict.fromkeys(range(folds), value))
        if not goes_on or stops:
            break
    return TrialResult(
        score=value,
        clean=value,
        shifted=None,
        fold_scores=(value,) * (1 if stops else folds),
        epochs={stage: n_epochs},
        oof_clean=np.full((len(context.splits.rows), 3), value / 3, np.float32),
        oof_shifted=None,
        curves={},
        stage_s={stage: float(n_epochs)},
        stopped=stops or not goes_on,
        goes_on=stage == "head",
    )
