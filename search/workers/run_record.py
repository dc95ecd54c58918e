"""What MLflow is told about a trial."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlruns_config import names
from mlruns_config.dataset import DatasetInfo
from mlruns_config.outbox.outbox import RunSpool
from objectives.records import TrialResult
from search.opening import OpenSweep
from search.workers.provenance import git_commit, library_versions
from spaces.params import TrialParams

OOF_FILE = "oof.npz"


@dataclass(frozen=True)
class RunRecord:
    """Writes the run of one trial, in the order in which things become known."""

    opened: OpenSweep
    run: RunSpool
    worker_id: str
    device: str

    def begin(self, trial_number: int, params: TrialParams) -> None:
        """Log what is known before training."""
        file, data = self.opened.file, self.opened.prepared.data
        self.run.params(params.model_dump())
        self.run.params(_sweep_params(file.model_dump(mode="json")))
        self.run.tags(self._tags(trial_number, params))
        self.run.dataset(
            DatasetInfo(
                name=file.data.path.stem,
                fingerprint=data.fingerprint,
                source=str(file.data.path),
                rows=len(data.labels),
                classes=data.class_names,
                image_px=file.data.image_px,
            )
        )

    def complete(self, result: TrialResult, folder: Path, seconds: float) -> None:
        """Log what the trial found, and its files."""
        summary = {
            **result.metrics,
            names.METRIC_SCORE: result.score,
            names.METRIC_CLEAN: result.clean,
            names.METRIC_SECONDS: seconds,
        }
        if result.shifted is not None:
            summary[names.METRIC_SHIFTED] = result.shifted
        for fold, score in enumerate(result.fold_scores):
            summary[names.fold_metric("final", fold, "score")] = score
        for stage, epochs in result.epochs.items():
            summary[names.stage_metric(stage, "epochs")] = epochs
        self.run.metrics(summary)
        for path in result.artifacts:
            inside = path.parent.relative_to(folder) if path.is_relative_to(folder) else Path()
            self.run.artifact(path, "" if inside == Path() else inside.as_posix())
        self.run.artifact(self._save_oof(result, folder), "predictions")

    def end(self, state: str, reason: str | None) -> None:
        """Log how the trial ended."""
        self.run.tags({names.TAG_STATE: "complete" if state == "done" else state})
        if reason:
            self.run.tags({names.TAG_REASON: reason})
        self.run.finish("FAILED" if state == "failed" else "FINISHED")

    def _tags(self, trial_number: int, params: TrialParams) -> Mapping[str, str]:
        row, splits = self.opened.row, self.opened.prepared.splits
        tags = {
            names.TAG_SWEEP: row.name,
            names.TAG_SWEEP_ID: row.id,
            names.TAG_TRIAL: str(trial_number),
            names.TAG_FINGERPRINT: row.fingerprint,
            names.TAG_FOLD_HASH: splits.fold_hash,
            names.TAG_SEED: str(self.opened.file.search.seed),
            names.TAG_VERSIONS: json.dumps(library_versions()),
            names.TAG_DEVICE: self.device,
            names.TAG_WORKER: self.worker_id,
            names.TAG_PAIR: " ".join(params.pair),
            names.TAG_STATE: "running",
        }
        commit = git_commit(Path.cwd())
        return tags if commit is None else {**tags, names.TAG_GIT_COMMIT: commit}

    def _save_oof(self, result: TrialResult, folder: Path) -> Path:
        splits, data = self.opened.prepared.splits, self.opened.prepared.data
        arrays = {
            "rows": splits.rows,
            "fold_of": splits.fold_of,
            "labels": data.labels[splits.rows],
            "class_names": np.asarray(data.class_names),
            "clean": result.oof_clean,
        }
        if result.oof_shifted is not None:
            arrays["shifted"] = result.oof_shifted
        path = folder / OOF_FILE
        np.savez_compressed(path, allow_pickle=False, **arrays)
        return path


def run_name(trial_number: int, params: TrialParams) -> str:
    """Name a run so that a person can read the list."""
    policy = params.policy if params.policy == "none" else f"{params.policy} {params.strength}"
    return f"{trial_number:03d} {params.backbone}, {policy}, {params.optimizer}"


def _sweep_params(file: Mapping[str, Any]) -> Mapping[str, Any]:
    sections = ("data", "validation", "train")
    return {
        f"{names.PARAM_SWEEP_PREFIX}{section}.{key}": value
        for section in sections
        for key, value in file[section].items()
        # The path is in the data set's input, and differs between machines.
        if (section, key) != ("data", "path")
    }
