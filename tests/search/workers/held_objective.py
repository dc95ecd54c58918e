"""An objective that waits at a place, or dies there, as a test asks for; its score is its attempt.

It notes each attempt as ``attempt-TRIAL-N`` in the folder ``TINY_OBJECTIVE_FOLDER``. There a file
``hold-TRIAL-PLACE`` makes that trial wait for as long as it exists, and ``die-TRIAL-PLACE`` makes
it kill its own process once; ``interrupt-TRIAL-PLACE`` lets it be stopped. A place is an epoch,
before it is reported, or ``end``. Of fine-tuning ``TRIAL`` is ``TRIAL-finetune``; it adds to the
score of the heads.
"""

import os
import signal
import time
from pathlib import Path

import numpy as np

from objectives.records import Stage, TrialContext, TrialResult
from spaces.params import TrialParams

WEIGHTS_BYTES = 100_000


def score(params: TrialParams, context: TrialContext) -> TrialResult:
    """Score an attempt: 0.1 for the first, 0.2 for the second, in every epoch and fold."""
    folder = Path(os.environ["TINY_OBJECTIVE_FOLDER"])
    trial = context.checkpoint_folder.name
    attempt = 1 + len(list(folder.glob(f"attempt-{trial}-[0-9]*")))
    (folder / f"attempt-{trial}-{attempt}").touch()
    value = attempt / 10 + (context.head.score if context.head else 0.0)
    train = context.train
    stage: Stage = context.phase
    for epoch in range(train.head_epochs if stage == "head" else train.finetune_epochs):
        time.sleep(float(os.environ.get("TINY_OBJECTIVE_EPOCH_S", "0.005")))
        obey(folder, f"{trial}-{epoch}")
        if not context.reporter.report(stage, epoch, dict.fromkeys(range(3), value)):
            return _result(value, context)
    obey(folder, f"{trial}-end")
    return _result(value, context)


def obey(folder: Path, place: str) -> None:
    death = folder / f"die-{place}"
    if death.exists():
        death.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    hold = folder / f"hold-{place}"
    if hold.exists():
        (folder / f"waiting-{place}").touch()
    while hold.exists():
        try:
            time.sleep(0.02)
        except KeyboardInterrupt:
            (folder / "heard").touch()
            if not (folder / "deaf").exists():
                raise
    if (folder / f"interrupt-{place}").exists():
        os.kill(os.getpid(), signal.SIGTERM)


def _result(value: float, context: TrialContext) -> TrialResult:
    classes = len(context.data.class_names)
    weights = context.checkpoint_folder / "weights.bin"
    weights.write_bytes(os.urandom(WEIGHTS_BYTES))
    return TrialResult(
        score=value,
        clean=value,
        shifted=None,
        fold_scores=(value,) * 3,
        epochs={context.phase: context.train.head_epochs},
        oof_clean=np.full((len(context.splits.rows), classes), 1 / classes, np.float32),
        oof_shifted=None,
        curves={},
        artifacts=(weights,),
        goes_on=context.phase == "head" and context.train.finetune_epochs > 0,
    )
