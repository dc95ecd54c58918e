"""The examples for clusters: what the API takes, what foldsweep takes, and what hangs together."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from search.cli.app import foldsweep
from search.sweep_file.sweep_file import check_sweep
from search.sweep_file.yaml_reading import parse_yaml
from search.workers.claim import claims_folder
from search.workers.interruption import LAUNCHER_GRACE_S, WORKER_GRACE_S
from spaces.narrowing import resolve_space
from tests.docs.pages import ROOT, section
from tests.examples.api_fields import problems

EXAMPLES = ROOT / "examples"
JOB, RAY_JOB = EXAMPLES / "kubernetes" / "foldsweep.yaml", EXAMPLES / "kuberay" / "rayjob.yaml"
SBATCH = EXAMPLES / "slurm" / "foldsweep.sbatch"
QUANTITY = {"Gi": 2**30, "Mi": 2**20}


def documents(path: Path) -> dict[str, Any]:
    return {document["kind"]: document for document in yaml.safe_load_all(path.read_text("utf-8"))}


def pods(path: Path) -> list[Any]:
    """List the pod templates' specs of an example."""
    found = documents(path)
    if "Job" in found:
        return [found["Job"]["spec"]["template"]["spec"]]
    cluster = found["RayJob"]["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    return [group["template"]["spec"] for group in groups]


def containers(path: Path) -> Iterator[Any]:
    for pod in pods(path):
        yield from pod["containers"]


def command_lines() -> list[list[str]]:
    (worker,) = containers(JOB)
    batch = [line for line in SBATCH.read_text().splitlines() if "foldsweep worker" in line]
    return [
        worker["command"],
        documents(RAY_JOB)["RayJob"]["spec"]["entrypoint"].split(),
        shlex.split(batch[-1].partition("foldsweep worker")[1] + ' "$1"'),
    ]


def n_bytes(quantity: str) -> int:
    return int(quantity[:-2]) * QUANTITY[quantity[-2:]]


@pytest.mark.parametrize("path", [JOB, RAY_JOB], ids=lambda path: path.name)
def test_every_field_is_one_that_the_api_has(path: Path) -> None:
    found = documents(path)
    assert len(found) == 2
    assert [problem for kind in found for problem in problems(found[kind], kind)] == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"completion_mode": "Indexed"}, "JobSpec has no field 'completion_mode'"),
        ({"completionMode": "indexed"}, "'indexed' is none of"),
        ({"completions": "4"}, "'4' is no integer"),
        ({"suspend": 1}, "1 is no boolean"),
        ({"template": {"spec": {}}}, "containers is missing"),
        ({"podFailurePolicy": {"rules": {}}}, "{} is no list"),
        ({"selector": {"matchLabels": {}}}, "kubernetes_fields.json has no fields for it"),
    ],
)
def test_a_wrong_field_is_found(change: dict[str, Any], problem: str) -> None:
    job = documents(JOB)["Job"]
    job["spec"] |= change
    assert [problem in found for found in problems(job, "Job")] == [True]


@pytest.mark.parametrize("words", command_lines(), ids=" ".join)
def test_every_command_is_one_that_foldsweep_parses(words: list[str]) -> None:
    program, name, *arguments = words
    assert program == "foldsweep"
    command = foldsweep.get_command(click.Context(foldsweep), name)
    assert command is not None
    context = command.make_context(name, list(arguments))
    assert context.params["file"] == Path(arguments[0])


def test_a_command_that_foldsweep_does_not_parse_is_found() -> None:
    command = foldsweep.get_command(click.Context(foldsweep), "worker")
    assert command is not None
    with pytest.raises(click.UsageError):
        command.make_context("worker", ["sweep.yaml", "--gpu", "0"])


def test_every_variable_is_one_that_foldsweep_or_its_drivers_read() -> None:
    listed = re.findall(r"^\| `(\w+)`", section(_page("cli.md"), "Environment"), re.MULTILINE)
    drivers = {"PGPASSWORD", "KERAS_HOME", "SLURM_CPUS_PER_TASK", "TMPDIR"}
    in_yaml = {
        variable["name"]
        for path in (JOB, RAY_JOB)
        for container in containers(path)
        for variable in container["env"]
    }
    in_batch = set(re.findall(r"\b[A-Z]+_?[A-Z_]*(?==|:-|\")", SBATCH.read_text()))
    unknown = {name for name in in_yaml | in_batch if name not in {*listed, *drivers}}
    assert {name for name in unknown if not name.startswith("MLFLOW_")} == set()
    assert "FOLDSWEEP_HOME" in in_yaml & in_batch


@pytest.mark.slow
def test_every_variable_of_mlflow_is_one_that_it_has() -> None:
    from mlflow import environment_variables

    named = {v["name"] for path in (JOB, RAY_JOB) for c in containers(path) for v in c["env"]}
    named = {name for name in named if name.startswith("MLFLOW_")}
    assert {name for name in named if not hasattr(environment_variables, name)} == set()


def test_the_sweep_of_the_kubernetes_job_is_accepted() -> None:
    text = documents(JOB)["ConfigMap"]["data"]["sweep.yaml"]
    assert resolve_space(check_sweep(parse_yaml(text, "the example")).on_space("default").space)


def test_the_sweep_of_the_ray_job_is_accepted_and_fills_its_nodes() -> None:
    content = parse_yaml(documents(RAY_JOB)["ConfigMap"]["data"]["sweep.yaml"], "the example")
    workers = check_sweep(content).workers
    assert resolve_space(check_sweep(content).space)
    assert (workers.engine, workers.address) == ("ray", "auto")
    cluster = documents(RAY_JOB)["RayJob"]["spec"]["rayClusterSpec"]
    (group,) = cluster["workerGroupSpecs"]
    (container,) = group["template"]["spec"]["containers"]
    limits = container["resources"]["limits"]
    # So that each node holds one worker and nothing stays idle.
    assert workers.count == group["replicas"] == group["minReplicas"] == group["maxReplicas"]
    assert workers.gpus_per_worker == int(limits["nvidia.com/gpu"])
    assert workers.cpus_per_worker == int(limits["cpu"])


@pytest.mark.parametrize("path", [JOB, RAY_JOB], ids=lambda path: path.name)
def test_what_a_pod_mounts_and_refers_to_is_there(path: Path) -> None:
    for pod in pods(path):
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        (container,) = pod["containers"]
        mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
        assert mounts.keys() == volumes.keys()
        environment = {entry["name"]: entry.get("value", "") for entry in container["env"]}
        certificate = environment["MLFLOW_TRACKING_SERVER_CERT_PATH"]
        secret = volumes["secret"]["secret"]
        assert certificate == f"{mounts['secret']['mountPath']}/{secret['items'][0]['path']}"
        assert f"sslmode=verify-full&sslrootcert={certificate}" in str(
            environment["FOLDSWEEP_STORAGE_URL"]
        )
        assert volumes["sweep"]["configMap"] == {
            "name": documents(path)["ConfigMap"]["metadata"]["name"]
        }
        home = mounts["home"]["mountPath"]
        assert environment["FOLDSWEEP_HOME"] == home
        assert environment["KERAS_HOME"].startswith(home)
        # The rest is for databases' spools, checkpoints and weights.
        size = n_bytes(volumes["home"]["emptyDir"]["sizeLimit"])
        assert float(environment["FOLDSWEEP_STORE_GB"]) * 1e9 + 8e9 < size
        sweep = yaml.safe_load(documents(path)["ConfigMap"]["data"]["sweep.yaml"])
        assert sweep["data"]["path"].startswith(f"{mounts['data']['mountPath']}/")
        words = [*container.get("command", []), documents(path).get("RayJob", {})]
        words = [word for word in _flat(words) if word.endswith("sweep.yaml")]
        assert {word.split()[-1] for word in words} == {
            f"{mounts['sweep']['mountPath']}/sweep.yaml"
        }


@pytest.mark.parametrize("path", [JOB, RAY_JOB], ids=lambda path: path.name)
def test_passwords_come_from_a_secret_alone(path: Path) -> None:
    for container in containers(path):
        passwords = {e["name"]: e for e in container["env"] if "PASSWORD" in e["name"]}
        assert passwords.keys() == {"PGPASSWORD", "MLFLOW_TRACKING_PASSWORD"}
        for name, entry in passwords.items():
            assert entry["valueFrom"] == {"secretKeyRef": {"name": "foldsweep", "key": name}}
        urls = [str(e.get("value")) for e in container["env"]]
        assert not any(re.search(r"://[^/]*:[^/]*@", url) for url in urls)


@pytest.mark.parametrize("path", [JOB, RAY_JOB], ids=lambda path: path.name)
def test_no_pod_runs_as_root_or_may_become_it(path: Path) -> None:
    for pod in pods(path):
        assert pod["securityContext"]["runAsNonRoot"] is True
        # The user of the Dockerfile.
        assert f"--uid {pod['securityContext']['runAsUser']} " in (ROOT / "Dockerfile").read_text()
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            }


def test_a_pod_has_more_time_to_end_than_a_worker_takes() -> None:
    (pod,) = pods(JOB)
    assert pod["terminationGracePeriodSeconds"] > WORKER_GRACE_S
    for pod in pods(RAY_JOB):
        assert pod["terminationGracePeriodSeconds"] > LAUNCHER_GRACE_S


def test_an_interrupted_or_evicted_worker_is_no_failure_of_the_job() -> None:
    job = documents(JOB)["Job"]["spec"]
    # Both are conditions of a podFailurePolicy and of a limit per index.
    assert (job["completionMode"], job["template"]["spec"]["restartPolicy"]) == ("Indexed", "Never")
    evicted, interrupted = job["podFailurePolicy"]["rules"]
    assert evicted["onPodConditions"] == [{"type": "DisruptionTarget"}]
    assert interrupted["onExitCodes"]["values"] == [130]
    assert {evicted["action"], interrupted["action"]} == {"Ignore"}
    (container,) = containers(JOB)
    assert interrupted["onExitCodes"]["containerName"] == container["name"]


def test_the_ray_image_has_the_version_that_the_cluster_asks_for() -> None:
    lines = (RAY_JOB.parent / "Dockerfile").read_text().splitlines()
    cluster = documents(RAY_JOB)["RayJob"]["spec"]["rayClusterSpec"]
    assert any(f"ray[default]=={cluster['rayVersion']}" in line for line in lines)
    assert [line for line in lines if line.startswith("USER")][-1] == "USER foldsweep"
    assert f"ray=={cluster['rayVersion']}" in (ROOT / "constraints.txt").read_text().splitlines()


def test_the_batch_script_is_bash_and_slurm_reads_its_options() -> None:
    subprocess.run(["bash", "-n", SBATCH], check=True)
    lines = SBATCH.read_text().splitlines()
    assert lines[0] == "#!/bin/bash"
    options = [line.split() for line in lines if line.startswith("#SBATCH ")]
    named = {word.partition("=")[0] for words in options for word in words[1:]}
    assert {"--array", "--gres", "--cpus-per-task", "--signal", "--time"} <= named
    # Slurm reads no further than the first line that does something.
    first = next(row for row, line in enumerate(lines) if not line.startswith("#"))
    assert not any(line.startswith("#SBATCH") for line in lines[first:])
    signalled_s = int(re.findall(r"--signal=TERM@(\d+)", SBATCH.read_text())[0])
    assert signalled_s > WORKER_GRACE_S


@pytest.mark.slow
def test_tasks_of_one_node_share_a_home_and_do_not_take_each_others_gpu(tmp_path: Path) -> None:
    """Slurm may call every task's GPU 0; the folder of the claims must then be each task's own."""
    shown = "from search.workers.claim import claims_folder as c; import os; print(c(), os.environ"
    # In the place of Slurm's, and of a worker: says what the worker would see.
    program = f"#!/bin/sh\nexec {sys.executable} -c '{shown}[\"FOLDSWEEP_HOME\"])'\n"
    (tmp_path / "srun").write_text(program)
    (tmp_path / "srun").chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "SLURM_CPUS_PER_TASK": "8",
        "CUDA_VISIBLE_DEVICES": "0",
    }
    tasks = [_run_batch(environment) for _ in range(2)]
    (first, home), (second, other_home) = tasks
    assert home == other_home
    assert len({first, second, str(claims_folder())}) == 3
    assert not any(Path(folder).parent.exists() for folder in (first, second)), "nothing is left"


def _run_batch(environment: dict[str, str]) -> list[str]:
    command = ["bash", str(SBATCH), "sweep.yaml"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


def _page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def _flat(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for entry in value:
            yield from _flat(entry)
    elif isinstance(value, str):
        yield value
