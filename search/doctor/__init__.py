"""Find what disagrees between storage, Optuna, MLflow and the disk, and mend it."""
