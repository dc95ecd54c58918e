"""The database: sweeps, slots and workers, beside Optuna's own tables."""
