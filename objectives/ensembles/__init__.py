"""Ensembles of finished trials, chosen from their out-of-fold predictions: nothing is trained."""
