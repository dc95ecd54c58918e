"""A promotion in a process of its own, that says when it refits and never comes to an end."""

import sys
import time
from pathlib import Path

import numpy as np

from tests.search.promotion_home import Home

NAME = "abandoned"
HOLDOUT_ROWS = np.arange(0, 537, 5)


def main() -> None:
    """Promote in the home that is given."""
    home = Home(Path(sys.argv[1]))

    def wait(*_: object) -> None:
        print("refitting", flush=True)
        time.sleep(600)

    home.promote(home.sweep(NAME, HOLDOUT_ROWS), refit=wait)


if __name__ == "__main__":
    main()
