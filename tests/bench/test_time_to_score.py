"""What each part of the benchmark is given, and who sees the images set aside."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.cells import generate_cells
from bench.score.candidates import Candidate
from bench.score.set_aside import LOOKS
from bench.score.sizes import FULL, SMALL, ScoreSize
from bench.time_to_score import LETTERS, measure_scores, score_sweep, summary
from search.sweep_file.sweep_file import check_sweep
from spaces.narrowing import resolve_space

CELLS = generate_cells(64, 16)
TOLD = {"over_time": [{"part": "fixed"}], "time_ratio": 0.1}


@dataclass
class _Recorder:
    """Runs no part, but keeps what it was given; every search has one candidate."""

    requests: list[tuple[str, Mapping[str, Any], Path | None]] = field(default_factory=list)

    def __call__(
        self, name: str, request: Mapping[str, Any], *, home: Path | None = None
    ) -> Mapping[str, Any]:
        self.requests.append((name, json.loads(json.dumps(request)), home))
        if name == "score_open":
            return TOLD
        candidate = Candidate("fixed", "heads", 0, 1.0, 60.0, (f"{home}",))
        return {"candidates": [candidate.as_dict()]}


def test_the_parts_run_one_after_the_other_and_the_images_set_aside_are_opened_last(
    tmp_path: Path,
) -> None:
    run = _Recorder()
    document = _measure(tmp_path, run, seeds=range(2))
    names = [name for name, _, _ in run.requests]
    assert names == ["score_plain", "score_fixed", "score_sweep", "score_sweep", "score_open"]
    aside = run.requests[-1][1]["aside"]
    assert not any(aside in json.dumps(request) for _, request, _ in run.requests[:-1])
    assert TOLD.items() <= document.items()
    assert len(run.requests[-1][1]["candidates"]) == 4


def test_all_searches_get_the_same_images_and_none_of_those_set_aside(tmp_path: Path) -> None:
    run = _Recorder()
    _measure(tmp_path, run)
    [data] = {request["data"] for _, request, _ in run.requests[:-1]}
    with np.load(data) as train, np.load(run.requests[-1][1]["aside"]) as aside:
        seen = {image.tobytes() for image in train["images"]}
        assert seen.isdisjoint(image.tobytes() for image in aside["images"])
        assert len(train["images"]) + len(aside["images"]) == len(CELLS.images)


def test_every_part_has_a_folder_and_a_home_of_its_own(tmp_path: Path) -> None:
    run = _Recorder()
    _measure(tmp_path, run, seeds=range(3))
    searches = run.requests[:-1]
    assert len({request["folder"] for _, request, _ in searches}) == 5
    assert len({home for _, _, home in searches}) == 5


def test_one_part_runs_alone_and_may_leave_the_images_closed(tmp_path: Path) -> None:
    run = _Recorder()
    document = _measure(tmp_path, run, letters="b", looks=None)
    assert [name for name, _, _ in run.requests] == ["score_fixed"]
    assert document["plain"] is None
    assert "over_time" not in document


def test_a_size_is_the_same_after_a_part_has_read_it() -> None:
    for size in (FULL, SMALL):
        assert ScoreSize.from_dict(json.loads(json.dumps(size.as_dict()))) == size


def test_the_sweep_leaves_to_the_product_what_the_benchmark_does_not_state(tmp_path: Path) -> None:
    weights = {"mobilenet_0.5": "imagenet", "mobilenet_v2_0.35": "imagenet"}
    sweep = score_sweep(tmp_path / "train.npz", weights, FULL, 7)
    file = check_sweep(sweep)
    assert file.train == type(file.train)()
    assert file.search == type(file.search)(seed=7)
    assert file.budget.hours == 1 / 3
    backbones = next(d for d in resolve_space(file.space).dimensions if d.name == "backbone")
    assert set(backbones.choices) == set(weights)


def test_random_weights_are_only_drawn_for_the_backbone_that_they_fit(tmp_path: Path) -> None:
    weights = {"mobilenet_0.25": "/a/file", "mobilenet_v2_0.35": "/another/file"}
    space = resolve_space(score_sweep(tmp_path / "train.npz", weights, SMALL, 0)["space"])
    choices = {d.name: d.choices for d in space.dimensions}
    assert (choices["backbone"], choices["weights"]) == (("mobilenet_0.25",), ("/a/file",))


def test_looks_at_the_real_images_are_listed_beside_the_benchmark() -> None:
    assert LOOKS.parent.name == "score"
    assert all("content" in json.loads(line) for line in _lines(LOOKS))


def test_the_summary_has_a_line_for_each_candidate() -> None:
    scores = {"robust": {"score": 0.5, "low": 0.4, "high": 0.6}}
    one = {"part": "sweep", "form": "auto", "seed": 3, "seconds": 61.5, "scores": scores}
    ratio, line = summary({"time_ratio": 0.1, "over_time": [one]})
    assert ratio.split() == ["time_ratio", "0.1"]
    assert line.split() == [
        "sweep",
        "auto",
        "seed",
        "3",
        "61.5",
        "s",
        "robust",
        "0.500",
        "[0.400,",
        "0.600]",
    ]


def _measure(folder: Path, run: _Recorder, **changes: Any) -> dict[str, Any]:
    asked = {"letters": LETTERS, "seeds": range(1), "looks": folder / "looks", **changes}
    return measure_scores(SMALL, CELLS, folder, run=run, **asked)


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.is_file() else []
