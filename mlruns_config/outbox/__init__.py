"""The outbox: what MLflow is to know, on disk until it has arrived."""
