"""Which rules a score was found by: scores of two versions cannot be compared.

1. Each fold stops by its own patience.
2. All folds of the head stage stop together on their mean, and only epochs at which all folds ran
   are scored.

The rules are :mod:`objectives.stopping.early_stopping` and :mod:`objectives.evaluation.history`:
whoever changes what they do to a score counts the version up. A sweep keeps the one that it began
with (`search/joining.py`).
"""

SCORING_VERSION = 2
