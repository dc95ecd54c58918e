"""Who acts: the name that MLflow gives to whoever writes to it from here."""

import getpass
import os


def person() -> str:
    """Name the user: of MLflow's account if there is one, or else of this machine."""
    from mlflow.utils.credentials import read_mlflow_creds

    try:
        return str(read_mlflow_creds().username or getpass.getuser())
    except (KeyError, OSError, ImportError):
        # A container may run as a number that no user of it has.
        return f"uid {os.getuid()}"
