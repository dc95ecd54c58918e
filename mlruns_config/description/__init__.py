"""What a run holds: every parameter, tag, metric and artifact, with its meaning.

What writes a run takes the names from here, what shows one the meanings, and ``docs/mlflow.md`` is
this as a page: ``python -m mlruns_config.description > docs/mlflow.md``.
"""
