"""The parts of a benchmark run, each in a process of its own, so that memory and caches are too."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from bench.cells import SHARED
from bench.score.candidates import Candidate
from bench.score.sizes import ScoreSize
from bench.sizes import Size
from spaces.params import TrialParams

CHECKOUT = Path(__file__).resolve().parents[1]
KERAS_HOME = SHARED / "keras_home"
OWN_STORAGE = ("FOLDSWEEP_STORAGE_URL", "MLFLOW_TRACKING_URI")

Request = Mapping[str, Any]
Answer = dict[str, Any]


class PartFailedError(RuntimeError):
    """A part's process ended with an error, which it has printed."""


def use_shared_weights() -> None:
    """Let Keras look for weights beside the checkout, if there are any."""
    if KERAS_HOME.is_dir():
        os.environ["KERAS_HOME"] = str(KERAS_HOME)


def run_part(name: str, request: Request, *, home: Path | None = None) -> Answer:
    """Run a part in a new process and wait for its answer.

    Args:
        name: A key of ``PARTS``.
        request: What it needs, as plain data.
        home: The ``FOLDSWEEP_HOME`` of the process.

    Raises:
        PartFailedError: If it did not answer.
    """
    environment = {k: v for k, v in os.environ.items() if k not in OWN_STORAGE}
    environment |= {"TF_CPP_MIN_LOG_LEVEL": "3", "FOLDSWEEP_HOME": str(home or "unused")}
    with tempfile.TemporaryDirectory(prefix="foldsweep-part-") as folder:
        asked, answered = Path(folder) / "request.json", Path(folder) / "answer.json"
        asked.write_text(json.dumps(dict(request)))
        command = [sys.executable, "-m", "bench.parts", name, str(asked), str(answered)]
        done = subprocess.run(
            command, cwd=CHECKOUT, env=environment, stdout=sys.stderr.fileno(), check=False
        )
        if done.returncode != 0 or not answered.is_file():
            raise PartFailedError(f"part {name!r} of the benchmark ended with {done.returncode}")
        answer: Answer = json.loads(answered.read_text())
        return answer


def ours(request: Request) -> Answer:
    """Time a sweep."""
    from bench.our_loop import stored_bytes, time_sweep

    timing = time_sweep(request["sweep"])
    home = Path(os.environ["FOLDSWEEP_HOME"])
    return {**vars(timing), "bytes_on_disk": stored_bytes(home)}


def sweep(request: Request) -> Answer:
    """Time a real sweep and list what its trials ran."""
    from dataclasses import asdict

    from bench.our_loop import time_sweep
    from bench.real_sweep import work_of_sweep
    from search.sweep import Sweep

    timing = time_sweep(request["sweep"])
    done = Sweep.from_mapping(request["sweep"])
    row = done.storage.sweeps.find(done.name)
    work = [] if row is None else work_of_sweep(done.storage.slots(row.id))
    return {**vars(timing), "work": [asdict(part) for part in work]}


def plain(request: Request) -> Answer:
    """Time the plain loop on the fixed list, and each of its parts alone."""
    from bench.plain_part import time_fixed_list

    points = [TrialParams.model_validate(point) for point in request["points"]]
    return time_fixed_list(Path(request["data"]), points, Size(**request["size"]))


def kinds(request: Request) -> Answer:
    """Time the plain loop on each kind of trial that the real sweep met."""
    from bench.plain_part import time_kinds

    return time_kinds(Path(request["data"]), request["kinds"], Size(**request["size"]))


def equality(request: Request) -> Answer:
    """Compare the accuracies of both loops."""
    from bench.equality import compare_accuracies

    points = [TrialParams.model_validate(point) for point in request["points"]]
    size = Size(**request["size"])
    return compare_accuracies(Path(request["data"]), points, size, Path(request["folder"]))


def score_plain(request: Request) -> Answer:
    """Search with the plain loop, for its candidates over time."""
    from bench.score.plain_search import search_plainly

    size, folder = ScoreSize.from_dict(request["size"]), Path(request["folder"])
    return search_plainly(Path(request["data"]), request["weights"], size, folder, _began_s())


def score_fixed(request: Request) -> Answer:
    """Train the heads that are fixed in advance."""
    from bench.score.fixed_heads import train_fixed_heads

    size, folder = ScoreSize.from_dict(request["size"]), Path(request["folder"])
    return train_fixed_heads(Path(request["data"]), request["weights"], size, folder, _began_s())


def score_sweep(request: Request) -> Answer:
    """Run a sweep, for its candidates over time."""
    from bench.score.sweep_over_time import sweep_over_time

    size, folder = ScoreSize.from_dict(request["size"]), Path(request["folder"])
    return sweep_over_time(request["sweep"], size, folder, _began_s())


def score_open(request: Request) -> Answer:
    """Open the images set aside, for all candidates at once."""
    from bench.score.opening import open_aside

    candidates = [Candidate.from_dict(one) for one in request["candidates"]]
    paths = (Path(request[name]) for name in ("aside", "folder", "looks"))
    return open_aside(candidates, *paths)


def _began_s() -> float:
    """Say when this process began: a search's clock runs from there, imports and all."""
    began_s: float = psutil.Process().create_time()
    return began_s


PARTS: Mapping[str, Callable[[Request], Answer]] = {
    "ours": ours,
    "sweep": sweep,
    "plain": plain,
    "kinds": kinds,
    "equality": equality,
    "score_plain": score_plain,
    "score_fixed": score_fixed,
    "score_sweep": score_sweep,
    "score_open": score_open,
}


if __name__ == "__main__":
    part, asked_path, answered_path = sys.argv[1:]
    found = PARTS[part](json.loads(Path(asked_path).read_text()))
    Path(answered_path).write_text(json.dumps(found))
