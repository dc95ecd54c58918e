"""The built-in objective, which notes what it trains and dies or waits where a test wants it.

Each epoch that is trained is a line in the file ``trained-TRIAL`` in the folder
``TINY_OBJECTIVE_FOLDER``; of fine-tuning ``TRIAL`` is ``TRIAL-finetune``. Files ``die-TRIAL-N`` and
``hold-TRIAL-N`` there act as with ``held_objective``, when N epochs have been trained and kept.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from objectives.checkpoints import Arrays, State
from objectives.records import TrialContext, TrialResult
from objectives.trial import train_trial
from search.checkpoints.keeper import TrialCheckpoints
from spaces.params import TrialParams
from tests.search.workers.held_objective import obey


@dataclass
class _Noting:
    """Checkpoints that note each epoch that was trained."""

    kept: TrialCheckpoints
    trial: str
    folder: Path

    @property
    def seconds(self) -> float:
        return self.kept.seconds

    def load(self, stage: str) -> Mapping[str, Arrays] | None:
        return self.kept.load(stage)

    def save(self, stage: str, epoch: int, state: State, *, is_last: bool = False) -> None:
        # Epochs of a real trial are longer than writing takes.
        while self.kept.every_s == 0 and time.monotonic() < self.kept.due_s:
            time.sleep(0.01)
        self.kept.save(stage, epoch, state, is_last=is_last)
        if not is_last:
            with (self.folder / f"trained-{self.trial}").open("a") as file:
                file.write(f"{stage} {epoch}\n")
            n_trained = len((self.folder / f"trained-{self.trial}").read_text().splitlines())
            obey(self.folder, f"{self.trial}-{n_trained}")


def score(params: TrialParams, context: TrialContext) -> TrialResult:
    """Train a trial as the built-in objective does."""
    if not isinstance(context.checkpoints, TrialCheckpoints):
        return train_trial(params, context)  # A replay keeps nothing.
    folder = Path(os.environ["TINY_OBJECTIVE_FOLDER"])
    noting = _Noting(context.checkpoints, context.checkpoint_folder.name, folder)
    return train_trial(params, replace(context, checkpoints=noting))
