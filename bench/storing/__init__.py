"""The parts of ``bench/storage.py``: what a trial costs besides its training."""
