"""The report: what a machine without GPU says, and how answers of one are judged and shown."""

from dataclasses import replace
from typing import Any

import pytest

from search.gpu_report import Check, GpuReport, Rate, VisibleGpu, as_markdown, make_gpu_report
from search.gpu_report.judging import (
    QUESTIONS,
    Verdict,
    is_seen,
    ran_together,
    takes_memory_as_needed,
    went_on_with_less,
    within,
)
from search.gpu_report.records import AUGMENTED, AUGMENTED_BY_KERAS_CV, FORWARDED
from search.gpu_report.report import check_gpu

GPU = VisibleGpu("7", "Made up | of nothing", "1.2.3", 8 * 10**9)
REPORT = GpuReport(
    date="2026-11-25 12:00 UTC",
    machine={"tensorflow": "2.21.0"},
    cores=4,
    image_px=96,
    policy="augmix+randaugment",
    backbone="mobilenet_v2_0.35",
    gpus=(GPU,),
    checks=(Check("7", "TensorFlow sees it", "ok", "Made up, compute capability 9.0"),),
    rates=(
        Rate("cpu", AUGMENTED, 2_000.0),
        Rate("cpu", AUGMENTED_BY_KERAS_CV, None, "exit code 1: it broke"),
        Rate("gpu:7", AUGMENTED_BY_KERAS_CV, 3_000.0),
        Rate("gpu:7", FORWARDED, 6_000.0),
    ),
)


@pytest.mark.acceptance
def test_without_a_gpu_its_checks_are_skipped_and_the_cores_are_measured() -> None:
    steps: list[str] = []
    report = make_gpu_report([], n_images=64, on_step=steps.append)
    assert [check.question for check in report.checks] == [q.text for q in QUESTIONS]
    assert {check.outcome for check in report.checks} == {"skipped"}
    assert all("no GPU is visible" in check.detail for check in report.checks)
    rates = {rate.what: rate.images_per_s for rate in report.rates}
    assert rates.keys() == {AUGMENTED, AUGMENTED_BY_KERAS_CV, FORWARDED}
    assert all(rate is not None and rate > 1 for rate in rates.values()), report.rates
    assert len(steps) == 3
    assert report.passed
    assert "| cpu | forwarded | " in as_markdown(report)


@pytest.mark.acceptance
@pytest.mark.slow
def test_a_gpu_that_tensorflow_does_not_see_fails_once() -> None:
    first, *others = check_gpu(GPU)
    assert (first.question, first.outcome) == ("TensorFlow sees it", "failed")
    assert "lists no GPU" in first.detail
    assert {check.outcome for check in others} == {"skipped"}
    assert [check.question for check in others] == [q.text for q in QUESTIONS[1:]]


@pytest.mark.parametrize(
    ("verdict", "outcome", "detail"),
    [
        (
            is_seen({"names": ["A100"], "capabilities": [[8, 0]], "built_with_cuda": True}),
            "ok",
            "A100, compute capability 8.0",
        ),
        (is_seen({"names": [], "built_with_cuda": False}), "failed", "without CUDA"),
        (takes_memory_as_needed({"growth": [True]}), "ok", "True"),
        (takes_memory_as_needed({"growth": [False]}), "failed", "False"),
        (takes_memory_as_needed({"growth": []}), "failed", "[]"),
        (within({"matmul": 0.004, "convolution": 0.01}, 0.01), "ok", "matmul 0.004"),
        (within({"matmul": 0.0101}, 0.01), "failed", "at most 0.01"),
        (within({"matmul": float("nan")}, 0.01), "failed", "nan"),
    ],
)
def test_an_answer_is_judged_by_its_figures(verdict: Verdict, outcome: str, detail: str) -> None:
    assert verdict[0] == outcome
    assert detail in verdict[1]


@pytest.mark.parametrize(
    ("began_s", "rounds", "outcome"), [(11.0, 5, "ok"), (12.5, 5, "failed"), (11.0, 0, "failed")]
)
def test_two_processes_share_a_gpu_if_both_compute_at_once(
    began_s: float, rounds: int, outcome: str
) -> None:
    answers = [
        {"began_s": 10.0, "ended_s": 12.0, "rounds": 9},
        {"began_s": began_s, "ended_s": began_s + 2, "rounds": rounds},
    ]
    assert ran_together(answers)[0] == outcome


@pytest.mark.parametrize(
    ("change", "outcome", "detail"),
    [
        ({}, "ok", "from 512 to 64"),
        ({"after": 512}, "failed", "memory never ran out"),
        ({"difference": 0.5}, "failed", "differ by 0.5"),
    ],
)
def test_out_of_memory_was_survived_if_it_came_and_changed_nothing(
    change: dict[str, Any], outcome: str, detail: str
) -> None:
    found = {"limit_mb": 512, "before": 512, "after": 64, "difference": 0.001, **change}
    verdict = went_on_with_less(found)
    assert verdict[0] == outcome
    assert detail in verdict[1]


def test_the_cores_that_a_gpu_needs_are_counted_by_the_rates() -> None:
    # 2,000 images/s on 4 cores are 500 a core.
    assert REPORT.cores_for(GPU) == 12.0
    assert replace(REPORT, rates=REPORT.rates[1:]).cores_for(GPU) is None


def test_what_failed_is_what_fails_the_report() -> None:
    skipped = Check("7", "two processes share it", "skipped", "why")
    assert replace(REPORT, checks=(*REPORT.checks, skipped)).passed
    failed = replace(skipped, outcome="failed")
    assert not replace(REPORT, checks=(*REPORT.checks, failed)).passed


def test_the_report_is_a_text_that_can_be_pasted() -> None:
    text = as_markdown(REPORT)
    assert "| 7 | Made up \\| of nothing | 1.2.3 | 8.0 GB |" in text
    assert "| 7 | TensorFlow sees it | ok | Made up, compute capability 9.0 |" in text
    assert "| cpu | augmented by keras-cv | exit code 1: it broke |" in text
    assert "GPU 7 takes in what 12.0 cores augment by OpenCV" in text
    # An image costs 1/3,000 s to augment and 1/6,000 s to forward.
    assert "it would get through 2,000 images/s" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") - line.count("\\|") for line in tables} == {3, 4, 5}


def test_the_report_is_plain_data_as_well() -> None:
    document = REPORT.to_json()
    assert document["cores_for_a_gpu"] == {"7": 12.0}
    assert document["passed"] is True
    assert document["gpus"][0]["memory_bytes"] == 8 * 10**9
