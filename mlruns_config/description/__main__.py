"""Write ``docs/mlflow.md`` to standard output."""

import sys

from mlruns_config.description.page import page

if __name__ == "__main__":
    sys.stdout.write(page())
