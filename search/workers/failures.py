"""Why a trial failed, in a sentence; and which errors say nothing about the trial."""

from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import InterfaceError, OperationalError

from spaces.errors import FoldsweepError
from spaces.redact import redact

STORAGE_ERRORS = (OperationalError, InterfaceError, StorageInternalError)
_LONGEST_REASON = 1000
_OUT_OF_MEMORY = (
    "out of memory: a smaller batch_size, image_px or backbone, or fewer workers on this machine"
)


def reason_of(error: BaseException) -> str:
    """Say in one sentence why a trial failed.

    Args:
        error: What its objective raised.
    """
    if isinstance(error, FoldsweepError):
        return redact(str(error))[:_LONGEST_REASON]
    # TensorFlow's own class, which must not be imported for this.
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return _OUT_OF_MEMORY
    text = " ".join(str(error).split())
    return redact(f"{type(error).__name__}: {text}")[:_LONGEST_REASON]
