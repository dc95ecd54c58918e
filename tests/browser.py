"""A headless Chromium for tests of what people see; where there is none, they are skipped."""

import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from mlruns_config.server import ui_command, ui_url
from mlruns_config.settings import TrackingSettings
from tests.mlruns_config.mlflow_server import free_port

T = TypeVar("T")
PATIENCE_S = 180.0
WINDOW = (2600, 1200)
"""So wide that all columns of a list are drawn: those out of sight are not."""
OURS = ("artifact", "foldsweep", "viewState", "sweep.html")
"""What an error is about that comes from what we write; MLflow's UI has some of its own."""


@contextmanager
def open_browser() -> Iterator[Any]:
    """Start a browser; skips the test, with the reason, where there is none."""
    pytest.importorskip("selenium", reason="no selenium: install the extra dev")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no Chromium: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--window-size={WINDOW[0]},{WINDOW[1]}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield browser
    finally:
        browser.quit()


@contextmanager
def serve_ui(settings: TrackingSettings, log: Path) -> Iterator[str]:
    """Serve MLflow's UI as `foldsweep ui` does; gives its address once it answers."""
    port = free_port()
    url = ui_url(settings, port=port)
    with (
        log.open("wb") as output,
        subprocess.Popen(
            ui_command(settings, port=port), stdout=output, stderr=output, start_new_session=True
        ) as server,
    ):
        try:
            wait_for(lambda: _answers(f"{url}/health"))
            yield url
        finally:
            _end(server)


def wait_for(look: Callable[[], T], *, timeout_s: float = PATIENCE_S) -> T:
    """Look until something is there, and give it."""
    deadline_s = time.monotonic() + timeout_s
    while not (found := look()):
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.1)
    return found


def errors(browser: Any) -> Sequence[str]:
    """Give what the console calls severe and is about what we have written."""
    return [
        entry["message"]
        for entry in browser.get_log("browser")
        if entry["level"] == "SEVERE" and any(word in entry["message"] for word in OURS)
    ]


def script(browser: Any, code: str) -> Any:
    """Run JavaScript in the page, and give what it returns."""
    return browser.execute_script(code)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _end(server: subprocess.Popen[bytes]) -> None:
    os.killpg(server.pid, signal.SIGTERM)
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
