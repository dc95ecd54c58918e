"""What people see of a sweep: MLflow's pages and the page that stands alone, in Chromium."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlruns_config.client import connect, ensure_experiment
from mlruns_config.description.run_list import experiment_tags, run_list_query
from mlruns_config.settings import TrackingSettings
from mlruns_config.sweep_links import SweepLinks
from search.sweep import Sweep
from tests.browser import errors, open_browser, script, serve_ui, wait_for

pytestmark = pytest.mark.acceptance

HEADERS = """
return [...document.querySelectorAll('.ag-header-cell[col-id]')]
    .sort((a, b) => a.getBoundingClientRect().left - b.getBoundingClientRect().left)
    .map((cell) => cell.getAttribute('col-id'))
"""
SCORES = """
return [...document.querySelectorAll('.ag-center-cols-container .ag-row')]
    .sort((a, b) => Number(a.getAttribute('row-index')) - Number(b.getAttribute('row-index')))
    .map((row) => row.querySelector('[col-id="metrics.`score`"]')?.textContent.trim())
    .filter((text) => text)
"""
LOADED_IMAGES = """
return [...document.images].filter((image) => image.src.includes('images%2F') ||
    image.src.includes('images/')).map((image) => image.naturalWidth)
"""
COLUMNS = [
    "tags.`foldsweep.trial`",
    "metrics.`score`",
    "metrics.`clean`",
    "metrics.`shifted`",
    "params.`backbone`",
    "params.`policy`",
    "params.`optimizer`",
    "tags.`foldsweep.stage`",
    "duration",
    "tags.`foldsweep.state`",
]
N_MANY = 500
MOST_S = 5.0
N_CHARTS = 6


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with open_browser() as opened:
        yield opened


class Shown:
    """A sweep that has run, with its MLflow served."""

    def __init__(self, sweep: Sweep, links: SweepLinks, url: str) -> None:
        self.sweep = sweep
        self.links = links
        self.url = url


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """Noisy images of three colours, of which heads are wrong often enough."""
    folder = tmp_path_factory.mktemp("shown")
    random = np.random.default_rng(3)
    labels = np.arange(90) % 3
    colours = np.array([[150, 110, 110], [110, 150, 110], [110, 110, 150]])[labels]
    noise = random.integers(-100, 100, (90, 20, 20, 3))
    images = np.clip(colours[:, None, None] + noise, 0, 255).astype(np.uint8)
    np.savez(folder / "colours.npz", images=images, labels=labels)
    content = {
        "sweep": "colours",
        "data": {"path": str(folder / "colours.npz"), "image_px": 16, "exclude": "none"},
        "validation": {"folds": 2},
        "train": {"head_epochs": 2, "finetune_epochs": 0},
        "space": {
            "base": "small",
            "backbone": "tests.objectives.tiny_backbone:tiny_backbone",
            "weights": "imagenet",
            "policy": ["none", "flip"],
        },
        "budget": {"trials": 6},
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOLDSWEEP_HOME", str(folder / "home"))
        patch.setenv("CUDA_VISIBLE_DEVICES", "-1")
        patch.delenv("FOLDSWEEP_STORAGE_URL", raising=False)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/home/mlflow.db")
        sweep = Sweep.from_mapping(content)
        sweep.work()
        tracking = TrackingSettings.from_environment(folder / "home")
        with serve_ui(tracking, folder / "server.log") as url:
            yield Shown(sweep, sweep.links().at(url), url)


def visible_text(browser: Any) -> str:
    return str(script(browser, "return document.body.innerText"))


def test_the_prepared_list_has_its_columns_in_order_and_the_best_first(
    browser: Any, shown: Shown
) -> None:
    browser.get(shown.links.runs)
    scores = wait_for(lambda: script(browser, SCORES))
    headers = [name for name in script(browser, HEADERS) if name in COLUMNS]
    assert headers == COLUMNS
    assert len(scores) == 6
    assert [float(score) for score in scores] == sorted(map(float, scores), reverse=True)
    assert errors(browser) == []


def test_the_charts_that_matter_come_first(browser: Any, shown: Shown) -> None:
    browser.get(shown.links.charts)
    wait_for(lambda: script(browser, "return document.querySelectorAll('.js-plotly-plot').length"))
    wait_for(lambda: "The sweep at a glance" in visible_text(browser))
    text = visible_text(browser)
    assert text.index("The sweep at a glance") < text.index("Model metrics")
    assert errors(browser) == []


def test_a_runs_page_has_its_description_user_source_and_pictures(
    browser: Any, shown: Shown
) -> None:
    best = shown.sweep.status().best
    assert best is not None
    place = shown.links.runs.partition("?")[0]
    browser.get(f"{place}/{best['run_id']}")
    wait_for(lambda: "What it tried" in visible_text(browser))
    text = visible_text(browser)
    assert f"Trial {best['trial']} of the sweep colours" in text
    assert "colours.yaml" in text
    browser.get(f"{place}/{best['run_id']}/model-metrics")
    wait_for(lambda: "at a glance" in visible_text(browser))
    widths = wait_for(lambda: [w for w in script(browser, LOADED_IMAGES) if w > 0])
    assert len(widths) >= 3
    assert errors(browser) == []


def test_the_sweeps_page_is_an_artifact_that_draws_its_charts(browser: Any, shown: Shown) -> None:
    assert shown.links.page is not None
    browser.get(shown.links.page)
    frame = wait_for(lambda: browser.find_elements("css selector", "iframe"))[0]
    browser.switch_to.frame(frame)
    try:
        drawn = "return document.querySelectorAll('.js-plotly-plot .main-svg').length"
        wait_for(lambda: script(browser, drawn) >= N_CHARTS)
        assert "Leaderboard" in visible_text(browser)
    finally:
        browser.switch_to.default_content()


def test_the_pages_of_a_model_and_its_version_say_what_they_are(
    browser: Any, shown: Shown
) -> None:
    promotion = shown.sweep.promote(model="colours", force=True)
    assert promotion.version is not None
    browser.get(f"{shown.url}/#/models/colours/versions/{promotion.version}")
    wait_for(lambda: "Load, call and serve it" in visible_text(browser))
    text = visible_text(browser)
    assert "Sweep colours" in text
    assert "Scores on held-out images" in text
    browser.get(f"{shown.url}/#/models/colours")
    wait_for(lambda: "champion" in visible_text(browser))
    assert errors(browser) == []


def test_the_report_stands_alone_without_a_network(
    browser: Any, shown: Shown, tmp_path: Path
) -> None:
    page = shown.sweep.report(tmp_path / "page.html")
    browser.get_log("browser")
    browser.get(page.as_uri())
    plots = "return document.querySelectorAll('.js-plotly-plot').length"
    charts = len(browser.find_elements("css selector", ".chart"))
    assert charts >= N_CHARTS
    wait_for(lambda: script(browser, plots) == charts)
    rows = browser.find_elements("css selector", "#leaderboard tbody tr")
    assert len(rows) == 6
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_five_hundred_trials_are_listed_in_under_five_seconds(
    browser: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("many")
    settings = TrackingSettings(f"sqlite:///{folder}/mlflow.db", str(folder / "artifacts"))
    experiment_id = fill(settings)
    with serve_ui(settings, folder / "server.log") as url:
        browser.get("about:blank")
        began_s = time.monotonic()
        browser.get(f"{url}/#/experiments/{experiment_id}/runs?{run_list_query()}")
        scores = wait_for(lambda: script(browser, SCORES))
        took_s = time.monotonic() - began_s
    # The first page of runs is all that is loaded, and the best of all are on it.
    assert float(scores[0]) == pytest.approx((N_MANY - 1) / N_MANY)
    assert took_s < MOST_S


def fill(settings: TrackingSettings) -> str:
    """Enter many trials, with as many numbers as real ones have."""
    from mlflow.entities import Metric, Param, RunTag

    experiment_id = ensure_experiment(settings, "many", experiment_tags("many"))
    client = connect(settings)
    for trial in range(N_MANY):
        run = client.create_run(experiment_id, run_name=f"{trial:03d} small_cnn, none, adamw")
        score = trial / N_MANY
        metrics = {"score": score, "clean": score, "shifted": score}
        metrics |= {f"clean/recall/class {number}": score for number in range(90)}
        params = {"backbone": "small_cnn", "policy": "none", "optimizer": "adamw"}
        params |= {f"param_{number}": str(number) for number in range(30)}
        tags = {"foldsweep.trial": str(trial), "foldsweep.stage": "head"}
        tags |= {"foldsweep.state": "complete", "mlflow.note.content": "x" * 2000}
        client.log_batch(
            run.info.run_id,
            [Metric(name, value, 1, 0) for name, value in metrics.items()],
            [Param(name, value) for name, value in params.items()],
            [RunTag(name, value) for name, value in tags.items()],
        )
        client.set_terminated(run.info.run_id)
    return experiment_id
