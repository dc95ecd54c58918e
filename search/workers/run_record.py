"""What MLflow is told about a trial."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlruns_config.description.trial import OOF, sweep_params
from mlruns_config.description.trial_metrics import trial_metrics
from mlruns_config.description.trial_tags import begun_tags, ended_tags
from mlruns_config.outbox.outbox import RunSpool
from objectives.records import TrialResult
from search.opening import OpenSweep
from search.origin import dataset_of, origin_of
from search.workers.provenance import git_commit, library_versions
from spaces.params import TrialParams


@dataclass(frozen=True)
class RunRecord:
    """Writes the run of one trial, in the order in which things become known."""

    opened: OpenSweep
    run: RunSpool
    worker_id: str
    device: str

    def begin(self, trial_number: int, params: TrialParams) -> None:
        """Log what is known before training."""
        self.run.params(params.model_dump())
        self.run.params(sweep_params(self.opened.file.model_dump(mode="json")))
        self.run.tags(
            begun_tags(
                origin_of(self.opened, trial_number),
                versions=library_versions(),
                device=self.device,
                worker=self.worker_id,
                pair=params.pair,
                commit=git_commit(Path.cwd()),
            )
        )
        self.run.dataset(dataset_of(self.opened))

    def complete(self, result: TrialResult, folder: Path, seconds: float) -> None:
        """Log what the trial found, and its files."""
        self.run.metrics(trial_metrics(result, seconds=seconds))
        for path in result.artifacts:
            inside = path.parent.relative_to(folder) if path.is_relative_to(folder) else Path()
            self.run.artifact(path, "" if inside == Path() else inside.as_posix())
        self.run.artifact(self._save_oof(result, folder), OOF.folder)

    def end(self, state: str, reason: str | None) -> None:
        """Log how the trial ended."""
        self.run.tags(ended_tags("complete" if state == "done" else state, reason))
        self.run.finish("FAILED" if state == "failed" else "FINISHED")

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
        path = folder / OOF.file
        np.savez_compressed(path, allow_pickle=False, **arrays)
        return path


def run_name(trial_number: int, params: TrialParams) -> str:
    """Name a run so that a person can read the list."""
    policy = params.policy if params.policy == "none" else f"{params.policy} {params.strength}"
    return f"{trial_number:03d} {params.backbone}, {policy}, {params.optimizer}"
