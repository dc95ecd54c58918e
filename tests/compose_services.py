"""Runs the services of docker-compose files as processes of this machine, by their own words."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.compose_merging import Override, load_compose, merged

COMPOSE_FILE = Path(__file__).parents[1] / "docker-compose.yml"
MACHINES_FILE = COMPOSE_FILE.with_name("docker-compose.machines.yml")
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


class MissingVariableError(Exception):
    """A ``${NAME:?...}`` has no value: docker compose would refuse to start."""


def read_services(variables: Mapping[str, str], *overrides: Path) -> dict[str, dict[str, Any]]:
    """Read the services as docker compose does: variables in, merges and anchors resolved.

    Args:
        variables: Of the shell and ``.env``.
        overrides: Files that are merged into docker-compose.yml, in order.
    """
    contents = [
        expand(load_compose(path.read_text()), variables) for path in (COMPOSE_FILE, *overrides)
    ]
    services: dict[str, dict[str, Any]] = merged(contents)["services"]
    for service in services.values():
        environment = {
            # One without a value is handed on, if there is one.
            name: variables.get(name) if value is None else value
            for name, value in service["environment"].items()
        }
        service["environment"] = {k: v for k, v in environment.items() if v is not None}
    return services


def expand(value: Any, variables: Mapping[str, str]) -> Any:
    """Fill in ``${NAME}``, ``${NAME:-default}`` and ``${NAME:?message}``."""
    if isinstance(value, dict):
        return {key: expand(entry, variables) for key, entry in value.items()}
    if isinstance(value, list):
        return [expand(entry, variables) for entry in value]
    if isinstance(value, Override):
        return Override(expand(value.value, variables))
    if not isinstance(value, str):
        return value

    def filled(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if variables.get(name):
            return variables[name]
        if kind == "-":
            return str(rest)
        raise MissingVariableError(f"{name}: {rest}")

    return VARIABLE.sub(filled, value)


@dataclass(frozen=True)
class Machine:
    """Stands in for the containers: where their folders, hosts and programs are here."""

    folder: Path
    places: Mapping[str, str]
    """What stands here for a path or an address inside the containers, longest first."""
    outside: Mapping[str, str]
    """Environment that the containers' network would make needless."""

    def here(self, text: str) -> str:
        """Translate a word of a service."""
        for inside, outside in self.places.items():
            text = text.replace(inside, outside)
        return text

    def command(self, words: list[str]) -> list[str]:
        """Translate a command; its program is that of this environment."""
        own = Path(sys.executable).parent
        program = shutil.which(words[0], path=own) or words[0]
        return [program, *map(self.here, words[1:])]

    def environment(self, service: Mapping[str, Any]) -> dict[str, str]:
        """Give what a container would see, and of this process' environment only the basics."""
        basics = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        wanted = {name: self.here(value) for name, value in service["environment"].items()}
        return {**basics, "TF_CPP_MIN_LOG_LEVEL": "2", **wanted, **self.outside}

    @contextmanager
    def running(self, service: Mapping[str, Any], log: Path) -> "Iterator[subprocess.Popen[bytes]]":
        """Run a service's own command; at the end it and its children are stopped."""
        with log.open("wb") as output:
            process = subprocess.Popen(
                self.command(service["command"]),
                env=self.environment(service),
                cwd=self.folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            _stop_group(process)

    def wait_until_healthy(self, service: Mapping[str, Any], timeout_s: float) -> None:
        """Repeat a service's own health check until it passes; raises TimeoutError."""
        check = self.command(service["healthcheck"]["test"][1:])
        ends = time.monotonic() + timeout_s
        while subprocess.run(check, env=self.environment(service), capture_output=True).returncode:
            if time.monotonic() > ends:
                raise TimeoutError(f"not healthy after {timeout_s} s: {check}")
            time.sleep(0.5)


def _stop_group(process: "subprocess.Popen[bytes]") -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(timeout=15)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
