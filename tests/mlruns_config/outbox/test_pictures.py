"""Pictures among a run's charts, held against those that MLflow's own client logs."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mlruns_config.client import connect
from mlruns_config.names import TAG_IMAGES
from mlruns_config.outbox.outbox import Outbox
from mlruns_config.outbox.rejected import has_rejected
from mlruns_config.settings import TrackingSettings
from tests.mlruns_config.found_runs import only_run

pytestmark = pytest.mark.slow

NAME = "at a glance/worst mistakes"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def draw(path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (120, 400, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def shapes(client: Any, run_id: str) -> Sequence[str]:
    """Name the images of a run, but for what is different each time."""
    paths = [entry.path for entry in client.list_artifacts(run_id, "images")]
    return sorted(UUID.sub("UUID", path) for path in paths)


@pytest.mark.parametrize("file", ["picture.png", "picture.jpg"])
def test_a_picture_lies_where_mlflows_own_client_puts_one(
    file: str, sqlite: TrackingSettings, tmp_path: Path
) -> None:
    picture = draw(tmp_path / file)
    outbox = Outbox(sqlite, tmp_path / "spool")
    experiment = f"own {file}"
    run = outbox.open_run(experiment, f"{file}/1", "trial 1", attempt=1)
    run.picture(picture, NAME, step=1, time_ms=5_000)
    assert outbox.close(60)
    client, ours = only_run(sqlite, experiment)
    place = (tmp_path / "artifacts").as_uri()
    theirs = client.create_run(client.create_experiment(f"mlflow's {file}", place))
    client.log_image(theirs.info.run_id, Image.open(picture), key=NAME, step=1, timestamp=5_000)
    assert shapes(client, ours.info.run_id) == shapes(client, theirs.info.run_id)
    assert len(shapes(client, ours.info.run_id)) == 2
    tags = [client.get_run(run.info.run_id).data.tags[TAG_IMAGES] for run in (ours, theirs)]
    assert tags == ["True", "True"]
    for entry in client.list_artifacts(ours.info.run_id, "images"):
        with Image.open(client.download_artifacts(ours.info.run_id, entry.path)) as found:
            assert found.size == ((256, 77) if "compressed" in entry.path else (400, 120))


def test_sending_a_picture_again_writes_over_it(sqlite: TrackingSettings, tmp_path: Path) -> None:
    for attempt in range(2):
        outbox = Outbox(sqlite, tmp_path / f"spool-{attempt}")
        run = outbox.open_run("again", "again/1", "trial 1", attempt=1)
        run.picture(draw(tmp_path / "picture.png"), NAME, step=0, time_ms=5_000)
        assert outbox.close(60)
    client, found = only_run(sqlite, "again")
    assert len(client.list_artifacts(found.info.run_id, "images")) == 2


def test_what_an_earlier_attempt_drew_is_left_out(sqlite: TrackingSettings, tmp_path: Path) -> None:
    outboxes = [Outbox(sqlite, tmp_path / f"spool-{attempt}") for attempt in (1, 2)]
    first, second = (
        outbox.open_run("late picture", "late/1", "trial 1", attempt=attempt)
        for attempt, outbox in enumerate(outboxes, start=1)
    )
    assert all(outbox.flush(60) for outbox in outboxes)
    first.picture(draw(tmp_path / "picture.png"), NAME, step=0, time_ms=5_000)
    assert all(outbox.close(60) for outbox in outboxes)
    client, found = only_run(sqlite, "late picture")
    assert client.list_artifacts(found.info.run_id, "images") == []
    assert second is not first


def test_a_picture_that_is_not_there_is_logged_and_no_error(
    sqlite: TrackingSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox(sqlite, tmp_path / "spool")
    run = outbox.open_run("nothing", "nothing/1", "trial 1", attempt=1)
    run.picture(tmp_path / "nothing.png", NAME, step=0, time_ms=5_000)
    assert outbox.close(60)
    assert "nothing.png" in caplog.text
    assert connect(sqlite).get_experiment_by_name("nothing") is not None
    assert not has_rejected(tmp_path / "spool")
