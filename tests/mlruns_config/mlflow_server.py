"""A real MLflow server on loopback that tests may kill and start again."""

from bench.disturbances.mlflow_server import MlflowServer, free_port

__all__ = ["MlflowServer", "free_port"]
