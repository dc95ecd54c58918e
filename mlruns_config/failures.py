"""Tell a refusal that stays from a failure that passes."""

from enum import Enum

from mlflow.exceptions import MlflowException

from spaces.files import FULL_DISK

SENDING_ERRORS = (MlflowException, OSError, ValueError, TypeError)
"""What a call into MLflow raises when something is wrong with the value, the server or the disk."""


class Failure(Enum):
    """What to do after an error."""

    REFUSED = "the value is at fault: set it aside"
    RUN_GONE = "the run is no longer there: look for it again"
    DOUBTFUL = "try again; after several times, if MLflow answers otherwise, the value is at fault"
    WAIT = "MLflow is at fault: try again until it works"


def judge(error: BaseException) -> Failure:
    """Classify what a call into MLflow raised."""
    if isinstance(error, MlflowException):
        return _BY_CODE.get(error.error_code, Failure.WAIT)
    if isinstance(error, OSError) and error.errno in FULL_DISK:
        return Failure.WAIT
    # requests' errors are OSErrors, some of them ValueErrors too; protobuf raises the bare ones.
    if isinstance(error, (ValueError, TypeError)) and not isinstance(error, OSError):
        return Failure.REFUSED
    return Failure.DOUBTFUL


_BY_CODE = {
    "INVALID_PARAMETER_VALUE": Failure.REFUSED,
    "RESOURCE_DOES_NOT_EXIST": Failure.RUN_GONE,
    # Two workers that add the same data set at once: one is told BAD_REQUEST and may try again.
    "BAD_REQUEST": Failure.DOUBTFUL,
    "INTERNAL_ERROR": Failure.DOUBTFUL,
    "RESOURCE_ALREADY_EXISTS": Failure.DOUBTFUL,
    "INVALID_STATE": Failure.DOUBTFUL,
}
