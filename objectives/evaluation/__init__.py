"""Evaluation: curves, metrics, pictures, and the holdout."""
