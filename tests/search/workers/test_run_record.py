"""What MLflow is told about a trial besides its numbers."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mlruns_config.names import (
    TAG_IMAGES,
    TAG_NOTE,
    TAG_SOURCE_NAME,
    TAG_STAGE,
    TAG_STATE,
    TAG_USER,
)
from search.workers.run_record import RunRecord
from tests.search.known_sweep import WORKER, KnownSweep

pytestmark = pytest.mark.slow


def tags(known: KnownSweep, trial: int) -> dict[str, str]:
    run_id = known.slot(trial).run_id
    return dict(known.client().get_run(run_id).data.tags)


def test_a_trial_is_described_while_it_runs_and_when_it_has_ended(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
    known = KnownSweep()
    known.begin("there-1-abcdef")
    begun = tags(known, 0)
    assert begun[TAG_NOTE].startswith("**Trial 0 of the sweep tiny**: running")
    assert (begun[TAG_USER], begun[TAG_SOURCE_NAME]) == ("ann", "tiny.yaml")
    assert TAG_STAGE not in begun
    known.run(score=0.4)
    known.run(score=0.3)
    best, second = tags(known, 1), tags(known, 2)
    assert "The best of the 1 trials" in best[TAG_NOTE]
    assert "Number 2 of the 2 trials" in second[TAG_NOTE]
    assert (best[TAG_STATE], best[TAG_STAGE]) == ("complete", "head")


def test_pictures_of_a_trial_are_shown_among_its_charts_and_other_files_are_not(
    home: Path,
) -> None:
    known = KnownSweep()
    slot = known.claim()
    folder = known.stored.trial_folder(slot)
    for name in ("learning_curves.png", "worst_mistakes.jpg", "own/learning_curves.png", "a.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(folder / name)
    outbox = known.outbox()
    record = RunRecord.open(known.stored, outbox, slot)
    record.begin(WORKER, "cpu")
    ended = known.finish(slot)
    for _ in range(2):
        # As when whoever ended it could not note that it has said so.
        record.end(ended, folder)
    assert outbox.close(60)
    client, run_id = known.client(), known.slot(0).run_id
    images = [entry.path for entry in client.list_artifacts(run_id, "images")]
    names = sorted(path.split("+")[0] for path in images)
    assert names == sorted(
        2 * ["images/at a glance~learning curves", "images/at a glance~worst mistakes"]
    )
    assert all("+step+0+" in path for path in images)
    assert tags(known, 0)[TAG_IMAGES] == "True"
    uppermost = {entry.path for entry in client.list_artifacts(run_id)}
    assert {"learning_curves.png", "worst_mistakes.jpg", "own", "a.png"} <= uppermost
