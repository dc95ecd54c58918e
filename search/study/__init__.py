"""The Optuna study: what is drawn, reported, stopped and fine-tuned."""
