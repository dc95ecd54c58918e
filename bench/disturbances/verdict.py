"""Whether a disturbed sweep is as if nothing had been: storage, Optuna and MLflow agree."""

import math
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna

from bench.cells import GENERATED
from bench.disturbances.world import ChaosSize, made
from bench.document import surroundings
from bench.progress import say
from mlruns_config.client import connect
from mlruns_config.description.run_list import TRIALS_ONLY
from mlruns_config.names import TAG_TRIAL
from mlruns_config.settings import TrackingSettings
from search.status import TrialRecord
from search.sweep import Sweep


@dataclass(frozen=True)
class Check:
    """Something that must hold, and what was found instead, if anything."""

    name: str
    found: Sequence[str] = ()

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return not self.found


def check_sweep(sweep: Sweep, *, trials: int, n_epochs: int) -> list[Check]:
    """Compare what storage, Optuna and MLflow say of a sweep of heads that has ended.

    Args:
        sweep: The sweep.
        trials: Its budget.
        n_epochs: Of every trial.
    """
    records = sweep.trial_records()
    return [
        Check("finished trials equal the budget", _budget(records, trials)),
        Check("Optuna has every trial once, with its score", _optuna(sweep, records)),
        *_mlflow(sweep, records, n_epochs),
    ]


def _budget(records: Sequence[TrialRecord], trials: int) -> list[str]:
    states = Counter(record.state for record in records)
    numbers = [record.trial for record in records]
    found = [] if states == {"done": trials} else [f"{dict(states)} of {trials}"]
    return found + [f"number {n} twice" for n, count in Counter(numbers).items() if count > 1]


def _optuna(sweep: Sweep, records: Sequence[TrialRecord]) -> list[str]:
    study = optuna.load_study(study_name=sweep.name, storage=sweep.storage.optuna)
    told = {trial.number: trial for trial in study.get_trials(deepcopy=False)}
    scores = {record.trial: record.score for record in records}
    found = []
    for number in sorted(told.keys() | scores.keys()):
        trial = told.get(number)
        if trial is None:
            found.append(f"trial {number} is not in the study")
        elif number not in scores:
            if trial.state != optuna.trial.TrialState.FAIL:
                found.append(f"trial {number} of the study is nobody's, and {trial.state.name}")
        elif trial.value != scores[number]:
            found.append(f"trial {number}: {trial.value}, not {scores[number]}")
    return found


def _mlflow(sweep: Sweep, records: Sequence[TrialRecord], n_epochs: int) -> Iterable[Check]:
    client = connect(TrackingSettings.from_environment(sweep.settings.home))
    experiment = client.get_experiment_by_name(sweep.name)
    runs = client.search_runs([experiment.experiment_id], TRIALS_ONLY, max_results=50_000)
    by_trial: dict[int, list[Any]] = {}
    for run in runs:
        by_trial.setdefault(int(run.data.tags[TAG_TRIAL]), []).append(run)
    one, agree, steps = [], [], []
    for record in records:
        mine = by_trial.pop(record.trial, [])
        if len(mine) != 1:
            one.append(f"trial {record.trial} has {len(mine)} runs")
            continue
        (run,) = mine
        score = run.data.metrics.get("score", math.nan)
        if (run.info.status, score) != ("FINISHED", record.score):
            agree.append(f"trial {record.trial}: {run.info.status} {score}, not {record.score}")
        history = client.get_metric_history(run.info.run_id, "head/score")
        seen = Counter(metric.step for metric in history)
        if seen != Counter(range(n_epochs)):
            steps.append(f"trial {record.trial}: steps {dict(sorted(seen.items()))}")
    one += [f"a run of trial {number} that is none" for number in by_trial]
    yield Check("every trial has one run", one)
    yield Check("every run has its trial's state and score", agree)
    yield Check("no step is missing or doubled", steps)


def check_scores(
    found: Mapping[str, float | None], expected: Mapping[str, float | None], name: str
) -> Check:
    """Compare scores by point, to the last bit."""
    differing = [
        f"{point}: {found.get(point)}, not {score}"
        for point, score in expected.items()
        if found.get(point) != score
    ]
    return Check(name, differing)


def check_work(
    folder: Path, records: Sequence[TrialRecord], *, n_epochs: int, most_again: int
) -> tuple[Check, Mapping[str, int]]:
    """Count the epochs that were trained again.

    Args:
        folder: Where the objective notes each epoch.
        records: All trials.
        n_epochs: Of every trial.
        most_again: Epochs that each interruption of a trial may cost.
    """
    lines = (folder / "epochs").read_text().splitlines()
    trained = Counter(int(line.split()[0]) for line in lines)
    too_many = []
    for record in records:
        again = trained[record.trial] - n_epochs
        if again > (record.attempts - 1) * most_again:
            too_many.append(f"trial {record.trial}: {again} again in {record.attempts} attempts")
    counts = {
        "epochs": n_epochs * len(records),
        "trained_again": len(lines) - n_epochs * len(records),
        "attempts": sum(record.attempts for record in records),
        "interruptions": sum(record.attempts - 1 for record in records),
    }
    return Check("no more is computed again than promised", too_many), counts


def judge(
    sweep: Sweep, content: Mapping[str, Any], folder: Path, noted: Path, size: ChaosSize
) -> tuple[list[Check], Mapping[str, int]]:
    """Judge a disturbed sweep that has ended; gives checks, and counts of what was done.

    Args:
        sweep: The sweep.
        content: Of its file; the points that it names are run again, undisturbed.
        folder: The world's.
        noted: Where the objective noted each epoch.
        size: How much was to be done.
    """
    records = sweep.trial_records()
    checks = check_sweep(sweep, trials=size.trials, n_epochs=size.n_epochs)
    work, counts = check_work(noted, records, n_epochs=size.n_epochs, most_again=size.most_again)
    say("chaos: the same points undisturbed")
    os.environ |= {"CHAOS_FOLDER": str(made(folder / "calm")), "CHAOS_EPOCH_S": "0"}
    calm = Sweep.from_mapping({**content, "sweep": "calm", "budget": {"trials": size.fixed_points}})
    calm.launch()
    points = {record.params["learning_rate"] for record in calm.trial_records()}
    found = {str(r.params["learning_rate"]): r.score for r in records}
    fixed = {str(r.params["learning_rate"]): r.score for r in calm.trial_records()}
    drawn = [r.trial for r in records if r.params["learning_rate"] not in points]
    checks += [
        work,
        check_doctor(sweep),
        check_scores(found, fixed, "fixed points score as in an undisturbed sweep"),
        Check("each drawn trial's replay gives its score", _unequal(sweep, drawn)),
    ]
    return checks, {**counts, "fixed_points": len(fixed), "drawn": len(drawn)}


def as_document(
    size: ChaosSize,
    checks: Sequence[Check],
    *,
    seed: int,
    done: Sequence[str],
    skipped: Sequence[str],
    counts: Mapping[str, int],
) -> dict[str, Any]:
    """Say what was done, and whether everything holds; what could not be tried does not.

    Args:
        size: How much was to be done.
        checks: All.
        seed: Of when and whom it hit.
        done: The disturbances.
        skipped: Those that could not be tried, and why.
        counts: Of epochs, attempts and points.
    """
    return {
        **surroundings(size, GENERATED),
        "seed": seed,
        "holds": all(check.holds for check in checks) and not skipped,
        "checks": [{**asdict(check), "holds": check.holds} for check in checks],
        "done": list(done),
        "skipped": list(skipped),
        "counts": counts,
        "most_again": size.most_again,
    }


def check_doctor(sweep: Sweep) -> Check:
    """Ask the doctor."""
    findings = sweep.doctor().findings
    return Check("doctor finds nothing", [f"{one.kind}: {one.what}" for one in findings])


def _unequal(sweep: Sweep, trials: Sequence[int]) -> list[str]:
    """Replay trials, and name those that come to something else."""
    found = [sweep.replay(trial) for trial in trials]
    return [
        f"trial {one.trial}: {one.score}, not {one.stored_score}"
        for one in found
        if not one.is_equal
    ]
