"""What MLflow says about runs, asked without the outbox."""

from collections import Counter

from mlflow import MlflowClient
from mlflow.entities import Run

from mlruns_config.client import connect
from mlruns_config.names import TAG_KEY
from mlruns_config.settings import TrackingSettings


def only_run(settings: TrackingSettings, experiment: str) -> tuple[MlflowClient, Run]:
    client = connect(settings)
    found = client.get_experiment_by_name(experiment)
    (run,) = client.search_runs([found.experiment_id])
    return client, run


def runs_of(client: MlflowClient, experiment: str, key: str) -> list[Run]:
    found = client.get_experiment_by_name(experiment)
    query = f"tags.`{TAG_KEY}` = '{key}'"
    return list(client.search_runs([found.experiment_id], filter_string=query))


def steps_of(client: MlflowClient, run: Run, metric: str) -> Counter[int]:
    return Counter(metric.step for metric in client.get_metric_history(run.info.run_id, metric))
