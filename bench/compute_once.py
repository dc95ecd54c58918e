"""Measure what computing each thing once is worth; see docs/benchmarks.md.

Usage: python -m bench.compute_once [--json] [--small] [--equality]
"""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from bench.cells import Cells, load_cells
from bench.document import fixed_list_document, real_sweep_document, surroundings
from bench.fixed_list import BACKBONES, fixed_points, fixed_sweep
from bench.parts import run_part, use_shared_weights
from bench.progress import say
from bench.real_sweep import real_sweep
from bench.sizes import FULL, SMALL, Size
from bench.weights import choose_weights

EXIT_TERMINATED = 143
SHOWN = (
    "plain_s",
    "plain_train_only_s",
    "ours_cold_s",
    "ours_warm_s",
    "bound_s",
    "speedup",
    "over_bound",
    "peak_anonymous_ratio",
    "real_sweep_speedup",
    "mean_abs_delta",
    "mean_delta",
)


class Runner(Protocol):
    """Runs one part of the benchmark: :func:`bench.parts.run_part`."""

    def __call__(
        self, name: str, request: Mapping[str, Any], *, home: Path | None = None
    ) -> Mapping[str, Any]:
        """Give the part's answer."""
        ...


def main() -> None:
    """Run the benchmark that the arguments ask for."""
    parser = argparse.ArgumentParser(prog="python -m bench.compute_once")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--small", action="store_true", help="the same in under 3 minutes")
    parser.add_argument("--equality", action="store_true", help="compare accuracies, not seconds")
    asked = parser.parse_args()
    # Ended from outside, it still ends its part and takes its folder away.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    use_shared_weights()
    size = SMALL if asked.small else FULL
    with tempfile.TemporaryDirectory(prefix="foldsweep-bench-") as folder:
        measure = measure_equality if asked.equality else measure_speed
        document = measure(size, load_cells(size.image_px), Path(folder))
    if asked.json:
        print(json.dumps(document, indent=1))
    else:
        print("\n".join(f"{name:22} {document[name]:.4g}" for name in SHOWN if name in document))


def measure_speed(size: Size, cells: Cells, folder: Path, run: Runner = run_part) -> dict[str, Any]:
    """Measure the fixed list cold and warm, the real sweep, and the plain loop for both.

    Args:
        size: How much is done.
        cells: The images to take samples of.
        folder: Empty; homes and data are put there.
        run: Runs the parts.
    """
    document = surroundings(size, cells.origin)
    weights = choose_weights(BACKBONES, size.image_px, folder)
    document["weights"] = {name: Path(file).name for name, file in weights.items()}
    document |= _measure_fixed_list(size, cells, weights, folder, run)
    return document | _measure_real_sweep(size, cells, weights, folder, run)


def _measure_fixed_list(
    size: Size, cells: Cells, weights: Mapping[str, str], folder: Path, run: Runner
) -> dict[str, Any]:
    data = cells.sample(size.images).save(folder / "list.npz")
    points = fixed_points(weights, size.heads_per_pair, n_policies=size.policies)
    home = folder / "list-home"
    say(f"fixed list: {len(points)} trials, {size.images} images")
    answers = []
    for name in ("cold", "warm"):
        sweep = fixed_sweep(name, data, points, size)
        answers.append(run("ours", {"sweep": sweep}, home=home))
        say(f"ours, {name}: {answers[-1]['seconds']:.1f} s")
    request = {
        "data": str(data),
        "points": [point.model_dump(exclude_unset=True) for point in points],
        "size": size.as_dict(),
    }
    return fixed_list_document(size, run("plain", request), *answers)


def _measure_real_sweep(
    size: Size, cells: Cells, weights: Mapping[str, str], folder: Path, run: Runner
) -> dict[str, Any]:
    data = cells.sample(size.sweep_images).save(folder / "sweep.npz")
    sweep = real_sweep("real", data, size, weights)
    say(f"real sweep: {size.sweep_trials} trials, {size.sweep_images} images")
    swept = run("sweep", {"sweep": sweep}, home=folder / "sweep-home")
    say(f"ours: {swept['seconds']:.1f} s")
    kinds = list({json.dumps(part["kind"]): part["kind"] for part in swept["work"]}.values())
    request = {"data": str(data), "kinds": kinds, "size": size.as_dict()}
    return real_sweep_document(sweep["space"], swept, run("kinds", request)["costs"])


def measure_equality(
    size: Size, cells: Cells, folder: Path, run: Runner = run_part
) -> dict[str, Any]:
    """Compare out-of-fold accuracies of the plain loop and of ours, trial by trial."""
    weights = choose_weights(BACKBONES, size.image_px, folder)
    points = fixed_points(weights, size.equality_heads_per_pair)
    request = {
        "data": str(cells.sample(size.equality_images).save(folder / "cells.npz")),
        "points": [point.model_dump(exclude_unset=True) for point in points],
        "size": size.as_dict(),
        "folder": str(folder),
    }
    return surroundings(size, cells.origin) | dict(run("equality", request))


if __name__ == "__main__":
    main()
