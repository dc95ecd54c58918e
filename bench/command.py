"""The command line of a benchmark of one part: ``--json`` and ``--small``."""

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.parts import use_shared_weights
from bench.sizes import FULL, SMALL, Size

Document = Mapping[str, Any]


def run_command(
    name: str, measure: Callable[[Size, Path], Document], as_text: Callable[[Document], str]
) -> None:
    """Measure what the arguments ask for, in a folder that is gone afterwards, and print it.

    Args:
        name: Of the module.
        measure: Takes the size and an empty folder.
        as_text: Writes the document for people.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {name}")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--small", action="store_true", help="the same on few images")
    asked = parser.parse_args()
    use_shared_weights()
    with tempfile.TemporaryDirectory(prefix="foldsweep-bench-") as folder:
        document = measure(SMALL if asked.small else FULL, Path(folder))
    print(json.dumps(document, indent=1) if asked.json else as_text(document))
