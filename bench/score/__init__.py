"""How good a model is after how many minutes: the parts of ``bench/time_to_score.py``."""
