"""An objective that takes milliseconds: a smooth function of the parameters, fold by fold.

In the folder ``TINY_OBJECTIVE_FOLDER`` it notes each attempt as ``attempt-TRIAL-PID``, and a file
``slow-TRIAL``, ``die-TRIAL``, ``memory-TRIAL``, ``secret-TRIAL`` or ``broken-TRIAL`` makes that
trial (``all``: every one) take 60 s, kill its own process once, or fail.
"""

import math
import os
import signal
import time
from pathlib import Path

import numpy as np

from objectives.records import TrialContext, TrialResult
from spaces.params import TrialParams


class ResourceExhaustedError(Exception):
    """Named as TensorFlow's own."""


def score(params: TrialParams, context: TrialContext) -> TrialResult:
    """Score a point: the nearer dropout is to 0.2 and the rate to 1e-3, the better."""
    number = context.checkpoint_folder.name
    _act(number)
    distance = abs(params.dropout - 0.2) + abs(math.log10(params.learning_rate) + 3) / 10
    folds = context.splits.n_folds
    value = 0.0
    for epoch in range(context.train.head_epochs):
        value = (1 - distance) * (1 - 0.5 ** (epoch + 1))
        time.sleep(float(os.environ.get("TINY_OBJECTIVE_EPOCH_S", "0.005")))
        if not context.reporter.report("head", epoch, {j: value + j / 100 for j in range(folds)}):
            return _result(value, context, stopped=True)
    return _result(value, context, stopped=False)


def _act(number: str) -> None:
    folder = os.environ.get("TINY_OBJECTIVE_FOLDER")
    if folder is None:
        return
    (Path(folder) / f"attempt-{number}-{os.getpid()}").touch()

    def asked(what: str) -> bool:
        return any((Path(folder) / f"{what}-{which}").exists() for which in (number, "all"))

    if asked("die"):
        (Path(folder) / f"die-{number}").unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    if asked("slow"):
        time.sleep(60)
    if asked("memory"):
        raise ResourceExhaustedError("failed to allocate 40 GB")
    if asked("secret"):
        raise ValueError("password=hunter22 leaked")
    if asked("broken"):
        raise ValueError(f"trial {number} is broken")


def _result(value: float, context: TrialContext, *, stopped: bool) -> TrialResult:
    folds = context.splits.n_folds
    classes = len(context.data.class_names)
    curve = context.checkpoint_folder / "curves" / "curve.txt"
    curve.parent.mkdir(exist_ok=True)
    curve.write_text("a curve")
    return TrialResult(
        score=value,
        clean=value,
        shifted=None,
        fold_scores=tuple(value + j / 100 for j in range(folds)),
        epochs={"head": context.train.head_epochs},
        oof_clean=np.full((len(context.splits.rows), classes), 1 / classes, np.float32),
        oof_shifted=None,
        curves={},
        metrics={"log_loss": 1.0 - value},
        artifacts=(curve,),
        stopped=stopped,
    )
