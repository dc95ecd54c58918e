"""MLflow's own server answers what ``predict`` answers, and only with what a promotion recorded."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.disturbances.mlflow_server import free_port
from mlruns_config.names import TAG_MODEL_SHA256
from mlruns_config.registry.registry import tag_version
from mlruns_config.settings import TrackingSettings
from search.prediction.predict import predict
from tests.docs.pages import ROOT, code_blocks
from tests.objectives.exporting.served_models import CLASSES, tiny_ensemble, tiny_single
from tests.search.cli.conftest import Run
from tests.search.registered_model import register_model

URI = "models:/cells@champion"
PAGE = (ROOT / "docs" / "serving.md").read_text("utf-8")
DOCUMENTED_PORT = "5001"
READY_S = 180


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> TrackingSettings:
    settings, _ = register_model(tmp_path_factory.mktemp("registry"), tiny_ensemble(), CLASSES)
    return settings


@contextmanager
def serving(tracking: TrackingSettings, folder: Path) -> Iterator[int]:
    """Run the command until the block ends; gives the port that answers."""
    port = free_port()
    command = [sys.executable, "-m", "search.cli", "serve", URI, "--port", str(port)]
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": tracking.uri,
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(folder / "tmp"),
        # As in an environment that nobody has activated.
        "PATH": os.defpath,
    }
    (folder / "tmp").mkdir()
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log
        )
    try:
        assert process.stdout is not None
        said = process.stdout.readline().decode()
        assert said == f"http://127.0.0.1:{port}/invocations\n", (folder / "server.log").read_text()
        wait_until_it_answers(port, folder / "server.log")
        yield port
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130, (folder / "server.log").read_text()
    assert list((folder / "tmp").glob("foldsweep-serve-*")) == []


def wait_until_it_answers(port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise TimeoutError(log.read_text())


def post(port: int, body: object) -> tuple[int, str]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def documented(language: str, port: int) -> str:
    """The first block of that language of the page, for another port."""
    text = code_blocks(PAGE, language)[0]
    assert f":{DOCUMENTED_PORT}/" in text
    return text.replace(f":{DOCUMENTED_PORT}/", f":{port}/")


@pytest.mark.acceptance
def test_the_documented_clients_get_the_probabilities_that_predict_gives(
    tracking: TrackingSettings, tmp_path: Path
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl on this machine")
    image = np.random.default_rng(0).integers(0, 256, (40, 31, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "cell.png")
    (expected,) = predict(URI, [tmp_path / "cell.png"], tracking=tracking)
    with serving(tracking, tmp_path) as port:
        script = documented("bash", port).replace("python -c", f"{sys.executable} -c")
        by_curl = output_of(["bash", "-euc", script], tmp_path)
        by_python = output_of([sys.executable, "-c", documented("python", port)], tmp_path)
        (answered,) = json.loads(by_curl)["predictions"]
        assert list(answered) == list(CLASSES)
        assert answered == pytest.approx(expected["probabilities"], abs=1e-6)
        assert eval(by_python) == pytest.approx(expected["probabilities"], abs=1e-6)
        check_many_at_once(port, tracking, tmp_path)
        check_wrong_requests(port)


def output_of(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def check_many_at_once(port: int, tracking: TrackingSettings, folder: Path) -> None:
    """Requests that overlap, of several sizes, each get their own answer."""
    draws = np.random.default_rng(1)
    images = [draws.integers(0, 256, (9 + row, 20, 3), dtype=np.uint8) for row in range(8)]
    for row, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{row}.png")
    paths = [folder / f"{row}.png" for row in range(8)]
    expected = [entry["probabilities"] for entry in predict(URI, paths, tracking=tracking)]
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda one: post(port, {"inputs": [one.tolist()]}), images))
    for (status, text), probabilities in zip(answers, expected, strict=True):
        assert status == 200, text
        assert json.loads(text)["predictions"][0] == pytest.approx(probabilities, abs=1e-5)


def check_wrong_requests(port: int) -> None:
    """What the page calls wrong is answered with 400 and a reason."""
    for body in (
        {"inputs": [[[[0, 0, 300]]]]},
        {"inputs": [[[[0, 0, -1]]]]},
        {"inputs": [[[[0, 0]]]]},
        {"inputs": [[0, 0, 0]]},
        {"inputs": "cell.png"},
        {"images": [[[[0, 0, 0]]]]},
    ):
        status, text = post(port, body)
        assert status == 400, (body, text)
        assert json.loads(text)["message"]


@pytest.mark.slow
def test_a_version_whose_file_is_not_the_recorded_one_is_not_served(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, version = register_model(tmp_path / "registry", tiny_single(), CLASSES)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", settings.uri)
    tag_version(settings, version, {TAG_MODEL_SHA256: "a" * 64})
    answer = run("serve", URI)
    assert answer.code == 2
    assert "aaaaaaaaaaaa... was recorded at its promotion" in answer.err
    assert answer.out == ""
