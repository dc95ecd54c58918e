"""The database: sweeps, the slots of their trials, workers and promotions, beside Optuna's tables.

:class:`~search.storage.storage.Storage` is the interface; nothing else reaches the tables.
"""
