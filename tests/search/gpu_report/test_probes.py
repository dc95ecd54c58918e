"""The probes where there is no GPU: their arithmetic on the CPU, and processes that fail."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pynvml
import pytest

from search.gpu_report.judging import FLOAT16_TOLERANCE, QUESTIONS, float16_is_close, ran_together
from search.gpu_report.probes import PROBES
from search.gpu_report.processes import ProbeError, run_probe, run_two_at_once
from search.gpu_report.throughput import images_per_s, pictures
from search.gpu_report.visible_gpus import describe_gpus


@pytest.mark.slow
def test_loading_the_report_loads_no_tensorflow() -> None:
    code = "import sys, search.gpu_report; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_every_question_has_a_probe() -> None:
    assert {question.probe for question in QUESTIONS} <= PROBES.keys()


@pytest.mark.slow
def test_a_probe_that_ends_badly_is_told_in_one_line() -> None:
    with pytest.raises(ProbeError, match=r"exit code 2: .*invalid choice: 'nonsense'") as failure:
        run_probe("nonsense", None)
    assert "\n" not in str(failure.value)


@pytest.mark.slow
def test_the_cores_are_measured_by_a_process_of_its_own() -> None:
    answer = run_probe("opencv_rate", None, "64")
    assert answer.keys() == {"images_per_s"}
    assert answer["images_per_s"] > 1


def test_pictures_are_of_the_size_that_is_asked_for() -> None:
    made = pictures(3, 50)
    assert made.shape == (3, 50, 50, 3)
    assert made.dtype == np.uint8
    assert len(np.unique(made)) > 100


def test_a_rate_counts_whole_passes_after_the_first() -> None:
    """Passes of a second each, by a clock that only they move."""
    now_s = 0.0

    def pass_over() -> None:
        nonlocal now_s
        now_s += 1.0

    assert images_per_s(pass_over, 50, clock=lambda: now_s) == 50.0
    assert now_s == 3.0


def test_a_gpu_that_the_driver_does_not_know_is_said_to_be_unknown() -> None:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        (found,) = describe_gpus(["0"])
        assert found.name.startswith("unknown (")
        assert (found.id, found.driver, found.memory_bytes) == ("0", "unknown", 0)
    else:
        pynvml.nvmlShutdown()
        (found,) = describe_gpus(["GPU-00000000-0000-0000-0000-000000000000"])
        assert found.name.startswith("unknown (")


@pytest.mark.slow
def test_float16_differs_from_float32_by_what_its_digits_explain() -> None:
    from search.gpu_report.numerics import CPU, float16_differences

    differences = float16_differences(CPU)
    assert differences.keys() == {"matmul", "convolution"}
    # Of a few thousand roundings by at most 2**-11 the largest is not far below that.
    assert all(2**-14 < value < FLOAT16_TOLERANCE for value in differences.values())
    assert float16_is_close(differences)[0] == "ok"


@pytest.mark.acceptance
@pytest.mark.slow
def test_features_are_compared_where_they_are_more_than_noise(tmp_path: Path) -> None:
    from search.gpu_report.numerics import CPU, features_on, made_weights, relative_difference

    assert relative_difference([1.0, -4.5], [1.0, -4.0]) == 0.125
    images = pictures(8, 32)
    weights = made_weights("mobilenet_0.25", images, tmp_path)
    features = features_on(CPU, "mobilenet_0.25", str(weights), images)
    # Without normalised activations a float16 would hold nothing but zeros.
    assert np.isfinite(features).all()
    assert 0.1 < features.max() < 100


@pytest.mark.acceptance
@pytest.mark.slow
def test_two_processes_compute_at_the_same_time() -> None:
    answers = run_two_at_once("sharing", None)
    assert len(answers) == 2
    outcome, detail = ran_together(answers)
    assert outcome == "ok", detail
