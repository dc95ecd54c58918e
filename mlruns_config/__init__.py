"""Where results go: MLflow settings, names, client, outbox and server."""
