"""Measure how good a model is after how many minutes; see docs/benchmarks.md.

Usage: python -m bench.time_to_score [--json] [--small] [--seeds N] [--minutes M] [--only a|b|c]
    [--keep FOLDER]

With ``--keep`` the parts that have ended are kept in that folder: a run that was interrupted goes
on with the next part, and the images set aside are still opened once, at the end.
"""

import argparse
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.cells import GENERATED, Cells, generate_cells, load_cells
from bench.compute_once import EXIT_TERMINATED, Runner
from bench.document import surroundings
from bench.fixed_list import BACKBONES
from bench.parts import run_part, use_shared_weights
from bench.progress import say
from bench.score.set_aside import LOOKS, divide
from bench.score.sizes import FULL, SMALL, ScoreSize
from bench.weights import choose_weights, mobilenets_with_weights
from spaces.files import replacing

LETTERS = ("a", "b", "c")
MOST_TRIALS = 1000
"""More than any time here is enough for."""
SHOWN = ("plain_robust", "plain_s", "ours_s", "time_ratio")


def main() -> None:
    """Run the parts that the arguments ask for, then open the images set aside."""
    parser = argparse.ArgumentParser(prog="python -m bench.time_to_score")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--small", action="store_true", help="the same in under 3 minutes")
    parser.add_argument("--seeds", type=int, default=1, help="sweeps, each with a seed of its own")
    parser.add_argument("--minutes", type=float, help="of each search; 20 where not given")
    parser.add_argument("--only", choices=LETTERS, help="one part: plain, fixed heads or sweep")
    parser.add_argument("--closed", action="store_true", help="leave the images set aside closed")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="go on where a run stopped")
    asked = parser.parse_args()
    # Ended from outside, it still ends its part and takes its folder away.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    use_shared_weights()
    size = SMALL if asked.small else FULL
    size = replace(size, minutes=asked.minutes or size.minutes)
    cells = _images(size)
    with ExitStack() as stack:
        folder = asked.keep or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="foldsweep-bench-"))
        )
        folder.mkdir(parents=True, exist_ok=True)
        document = measure_scores(
            size,
            cells,
            folder,
            letters=asked.only or LETTERS,
            seeds=range(asked.seeds),
            looks=None if asked.closed else _looks(cells, folder),
        )
    print(json.dumps(document, indent=1) if asked.json else "\n".join(summary(document)))


def measure_scores(
    size: ScoreSize,
    cells: Cells,
    folder: Path,
    *,
    letters: Sequence[str],
    seeds: Sequence[int],
    looks: Path | None,
    run: Runner = run_part,
) -> dict[str, Any]:
    """Run the parts, then open the images set aside for all that they have made.

    Args:
        size: How much is done.
        cells: All images.
        folder: Data, homes and models are put there; parts that have ended there are not run.
        letters: The parts: some of ``LETTERS``.
        seeds: Of the sweeps.
        looks: Where it is noted that the images set aside were opened; None leaves them closed.
        run: Runs a part.
    """
    divided = divide(cells, size.set_aside, folder)
    there = mobilenets_with_weights(size.image_px) or BACKBONES
    weights = choose_weights(there, size.image_px, folder)
    parts = _Parts(size, divided.train, weights, folder, run)
    plain = parts.plain() if "a" in letters else None
    fixed = parts.fixed() if "b" in letters else None
    sweeps = [parts.sweep(seed) for seed in seeds] if "c" in letters else []
    names = {name: Path(file).name for name, file in weights.items()}
    document = {
        **surroundings(size, cells.origin),
        "weights": names,
        "plain": plain,
        "fixed": fixed,
        "sweeps": sweeps,
    }
    if looks is None:
        return document
    say("opening the images set aside")
    answers = [answer for answer in (plain, fixed, *sweeps) if answer is not None]
    request = {
        "candidates": [candidate for answer in answers for candidate in answer["candidates"]],
        "aside": str(divided.aside),
        "folder": str(folder),
        "looks": str(looks),
    }
    told = {"plain": _told(plain), "fixed": _told(fixed), "sweeps": [_told(one) for one in sweeps]}
    return {**document, **told, **run("score_open", request)}


@dataclass(frozen=True)
class _Parts:
    """What all three searches are given."""

    size: ScoreSize
    data: Path
    weights: Mapping[str, str]
    folder: Path
    run: Runner

    def plain(self) -> Mapping[str, Any]:
        return self._run("score_plain", "plain", {})

    def fixed(self) -> Mapping[str, Any]:
        return self._run("score_fixed", "fixed", {})

    def sweep(self, seed: int) -> Mapping[str, Any]:
        sweep = score_sweep(self.data, self.weights, self.size, seed)
        return self._run("score_sweep", f"sweep-{seed}", {"sweep": sweep})

    def _run(self, part: str, name: str, more: Mapping[str, Any]) -> Mapping[str, Any]:
        folder, answered = self.folder / name, self.folder / f"{name}.json"
        if answered.is_file():
            kept: Mapping[str, Any] = json.loads(answered.read_text())
            return kept
        say(f"{name}: {self.size.minutes:g} minutes at most")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        request = {
            "data": str(self.data),
            "weights": dict(self.weights),
            "size": self.size.as_dict(),
            "folder": str(folder),
        }
        when = {key: surroundings(None, "")[key] for key in ("date", "commit", "machine")}
        answer = {**self.run(part, {**request, **more}, home=folder / "home"), "ran": when}
        with replacing(answered) as file:
            file.write(json.dumps(answer).encode())
        return answer


def score_sweep(
    data: Path, weights: Mapping[str, str], size: ScoreSize, seed: int
) -> dict[str, Any]:
    """Write the sweep file as ``init`` does: the recipe that (a) begins with, else defaults."""
    space = {"base": "small", "backbone": list(weights)}
    if set(weights.values()) != {"imagenet"}:
        # A file of random weights fits one backbone alone.
        name, file = next(iter(weights.items()))
        space |= {"backbone": name, "weights": file}
    return {
        "sweep": "score",
        "data": {
            "path": str(data),
            "image_px": size.image_px,
            "exclude": "none",
            "holdout": size.gate_holdout,
        },
        "validation": {"folds": size.folds},
        "train": dict(size.sweep_train),
        "space": space,
        "recipes": ["robust"],
        "search": {"seed": seed},
        "budget": {"trials": MOST_TRIALS, "hours": size.minutes / 60},
    }


def _told(answer: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Leave out the candidates, which stand with their scores elsewhere."""
    if answer is None:
        return None
    return {name: found for name, found in answer.items() if name != "candidates"}


def _looks(cells: Cells, folder: Path) -> Path:
    """Count looks at real images where they stay counted."""
    return folder / LOOKS.name if cells.origin == GENERATED else LOOKS


def _images(size: ScoreSize) -> Cells:
    if size.generated_images:
        return generate_cells(size.generated_images, size.image_px)
    return load_cells(size.image_px)


def summary(document: Mapping[str, Any]) -> list[str]:
    """Write the main figures as lines."""
    return [f"{name:22} {document[name]}" for name in SHOWN if name in document] + [
        f"{one['part']:6} {one['form']:7} seed {one['seed']}  {one['seconds']:7.1f} s  "
        + "  ".join(
            f"{view} {found['score']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"
            for view, found in one["scores"].items()
        )
        for one in document.get("over_time", ())
    ]


if __name__ == "__main__":
    main()
