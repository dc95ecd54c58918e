"""The files of a trial, wherever they lie."""

from pathlib import Path

from mlruns_config.description.trial import FINETUNE_ARTIFACT
from mlruns_config.registry.promotion_run import read_artifact
from search.storage.records import Slot
from search.stored_sweep import StoredSweep

NOT_FOUND = "its predictions are neither on this machine nor in MLflow"


def find_trial_file(stored: StoredSweep, slot: Slot, name: str, scratch: Path) -> Path | None:
    """Find a file of a trial on this machine, or download it; None if there is none.

    Args:
        stored: The sweep.
        slot: The phase of the trial that left it.
        name: The file's path among those of the phase.
        scratch: Where a download goes.

    Raises:
        UnavailableError: If MLflow does not answer.
    """
    here = stored.trial_folder(slot) / name
    if here.is_file():
        return here
    kept_as = name if slot.phase == "head" else FINETUNE_ARTIFACT.named(artifact=name)
    return read_artifact(stored.tracking, slot.run_id or "", kept_as, scratch)
