"""The Ray engine: an actor for each worker, which Ray places, and starts again where it died.

Nothing else imports Ray. An actor holds its worker as a child process, see ``ray_host``; the
launcher gives workers their names and frees what they held, as it does with the local engine.
"""

import logging
import signal
import socket
import sysconfig
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlruns_config.settings import URI_VARIABLE, TrackingSettings
from search.engines import ray_host, worker_process
from search.engines.engine import Engine
from search.engines.local import import_path
from search.engines.place import Ending
from search.engines.ray_host import RayHost, WorkerOrder
from search.open_sweep import OpenSweep
from search.settings import RuntimeSettings, keep_ray_quiet
from search.sweep_file.sections import WorkerSettings
from search.workers.device import Device
from search.workers.provenance import code_digest
from spaces.errors import InputError, UnavailableError

keep_ray_quiet()
try:
    import ray
    from ray import cloudpickle
    from ray.exceptions import ActorDiedError, RayActorError, RayError, RayTaskError
except ModuleNotFoundError as error:
    raise InputError(
        "workers.engine is ray, and Ray is not installed: pip install 'foldsweep[ray]', on every "
        "machine of the cluster."
    ) from error

CONNECT_TIMEOUT_S = 5.0
SAY_WAITING_AFTER_S = 10.0
KILL_TIMEOUT_S = 0.5
AT_ONCE = 8
"""Methods of an actor that may run beside each other: one waits for the worker all the time."""
# A worker whose actor died gives its trial back by itself; Ray would kill it with the actor.
_ACTOR_ENVIRONMENT = {"RAY_kill_child_processes_on_worker_exit": "0"}

_logger = logging.getLogger(__name__)


@contextmanager
def ray_engine(workers: WorkerSettings, settings: RuntimeSettings) -> Iterator[Engine]:
    """Be connected to a Ray cluster for as long as a block runs.

    Raises:
        InputError: If workers on the cluster's nodes could not reach storage or MLflow, or no node
            has what a worker asks for.
        UnavailableError: If the cluster does not answer, at the start or later.
    """
    with _connected(workers.address):
        nodes = [node for node in ray.nodes() if node["Alive"]]
        if len(nodes) > 1:
            _refuse_files_of_this_machine(settings, len(nodes))
        resources = _resources(workers, [node["Resources"] for node in nodes])

        def places(opened: OpenSweep) -> Sequence[RayPlace]:
            count = range(workers.count)
            return [RayPlace(_order(opened, number, resources), resources) for number in count]

        try:
            yield places
        except RayError as error:
            raise UnavailableError(
                f"Ray does not answer any more: {_first_line(error)}. Launch again to go on."
            ) from error


class RayPlace:
    """An actor that holds a worker, on whatever node Ray puts it.

    Args:
        order: What the actor must know.
        resources: What it asks Ray for.
    """

    def __init__(self, order: WorkerOrder, resources: Mapping[str, float]) -> None:
        self._order = order
        self._resources = resources
        self._run: Any = None
        self._node = "no node yet"
        self._hire()

    def is_ready(self) -> bool:
        """Say whether Ray has placed the actor."""
        if not _is_done(self._found):
            self._say_that_it_waits()
            return False
        try:
            self._node = ray.get(self._found)
        except ActorDiedError:
            # Somebody killed it for good.
            self._hire()
            return False
        return True

    def start(self, worker_id: str) -> None:
        """Let the actor start a worker."""
        self._run = self._host.run.remote(worker_id)

    def ending(self) -> Ending | None:
        """Say how the worker ended, or that its actor has; None while it runs."""
        if not _is_done(self._run):
            return None
        try:
            exit_code, log, tail = ray.get(self._run)
        except RayActorError as error:
            # Before the actor is there again, a call that may not be repeated would be refused.
            self._look()
            return Ending(None, f"the log on {self._node}", f"{self._node}: {_first_line(error)}")
        except RayTaskError as error:
            reason = _first_line(error.cause)
            raise InputError(f"{self._node} cannot start a worker: {reason}.") from error
        return Ending(exit_code, f"{log} on {self._node}", tail)

    def interrupt(self) -> None:
        """Let the actor send SIGTERM."""
        self._host.interrupt.remote()

    def end(self, timeout_s: float) -> None:
        """Wait for the worker, then let the actor kill it."""
        if not _is_done(self._run, timeout_s):
            self._host.kill.remote()
            _is_done(self._run, KILL_TIMEOUT_S)

    def _hire(self) -> None:
        actor = ray.remote(RayHost).options(
            num_cpus=self._resources["CPU"],
            num_gpus=self._resources["GPU"],
            max_restarts=-1,
            max_concurrency=AT_ONCE,
            runtime_env={"env_vars": _ACTOR_ENVIRONMENT},
        )
        self._host: Any = actor.remote(self._order)
        self._look()

    def _look(self) -> None:
        """Ask where the actor is; it answers as soon as Ray has placed it, again if need be."""
        self._found = self._host.where.options(max_task_retries=-1).remote()
        self._waits_since_s = time.monotonic()

    def _say_that_it_waits(self) -> None:
        if time.monotonic() - self._waits_since_s > SAY_WAITING_AFTER_S:
            self._waits_since_s = float("inf")
            _logger.warning(
                "worker %d waits until the Ray cluster has room for it (%s)",
                self._order.number,
                _text(self._resources),
            )


def send_by_value() -> None:
    """Let what an actor does travel to its node, where another foldsweep may be installed."""
    for module in (worker_process, ray_host):
        cloudpickle.register_pickle_by_value(module)


@contextmanager
def _connected(address: str) -> Iterator[None]:
    """Connect this process to a cluster, where its program has not done so already."""
    send_by_value()
    if ray.is_initialized():
        yield
        return
    # Ray puts a handler of its own in the place of ours.
    handler = signal.getsignal(signal.SIGTERM)
    try:
        _knock(address)
        ray.init(
            address=address,
            include_dashboard=False if address == "local" else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (OSError, RuntimeError, ValueError, RayError) as error:
        raise UnavailableError(
            f"the Ray cluster {address!r} cannot be reached: {_first_line(error)}. Start one with "
            "'ray start --head', or set workers.address."
        ) from error
    try:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """See that somebody listens there: Ray itself waits for more than a minute.

    Raises:
        OSError: If nobody does.
    """
    host, _, port = address.rpartition(":")
    # Ray takes these for the machine's outer address.
    if host in ("", "localhost", "127.0.0.1", "[::1]"):
        return
    socket.create_connection((host.strip("[]"), int(port)), CONNECT_TIMEOUT_S).close()


def _refuse_files_of_this_machine(settings: RuntimeSettings, n_nodes: int) -> None:
    tracking = TrackingSettings.from_environment(settings.home)
    files = [
        name
        for name, is_file in (
            ("FOLDSWEEP_STORAGE_URL", settings.storage_url.startswith("sqlite")),
            (URI_VARIABLE, not tracking.is_server),
        )
        if is_file
    ]
    if files:
        raise InputError(
            f"the Ray cluster has {n_nodes} nodes, and workers on other machines cannot reach a "
            f"SQLite file: set {' and '.join(files)} to a PostgreSQL database and an MLflow server."
        )


def _resources(workers: WorkerSettings, nodes: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Say what a worker asks Ray for; without a GPU in the cluster it asks for none."""
    share = workers.gpus_per_worker
    has_gpus = any(node.get("GPU", 0) > 0 for node in nodes)
    gpus = 0.0 if not has_gpus else share if share < 1 else float(int(share))
    asked = {"CPU": float(workers.cpus_per_worker), "GPU": gpus}
    if not any(all(node.get(name, 0) >= asked[name] for name in asked) for node in nodes):
        held = "; ".join(sorted({_text(node) for node in nodes}))
        raise InputError(
            f"a worker asks for {_text(asked)}, and no node of the Ray cluster has that: they have "
            f"{held}. Lower workers.cpus_per_worker or workers.gpus_per_worker."
        )
    return asked


def _order(opened: OpenSweep, number: int, resources: Mapping[str, float]) -> WorkerOrder:
    gpus = resources["GPU"]
    # Of a GPU's worker Ray alone knows which it is, on the node.
    device = {} if gpus else Device(threads=int(resources["CPU"])).environment()
    variables = opened.settings.travelling_environment() | {URI_VARIABLE: opened.tracking.uri}
    return WorkerOrder(
        number=number,
        folder=opened.folder.name,
        sweep_file=opened.file.as_written(),
        home=str(opened.settings.home),
        variables={**variables, **device},
        import_path=_own_modules(),
        gpus=gpus,
        code=code_digest(),
    )


def _own_modules() -> tuple[str, ...]:
    """List where this process finds modules that no node has by itself.

    A node has a Python and libraries of its own; foldsweep's are among them if it is installed.
    """
    installed = {Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")}
    return tuple(
        folder
        for folder in dict.fromkeys(import_path())
        if not any(Path(folder).is_relative_to(place) for place in installed)
        and Path(folder).suffix != ".zip"
    )


def _is_done(reference: Any, timeout_s: float = 0.0) -> bool:
    done, _ = ray.wait([reference], timeout=timeout_s)
    return bool(done)


def _text(resources: Mapping[str, float]) -> str:
    return f"{resources.get('CPU', 0):g} CPUs and {resources.get('GPU', 0):g} GPUs"


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".")
